use zeroize::Zeroizing;

use super::*;
use crate::jat::access::Pattern;

const DOMAIN: &str = "proxy.domain.example";
const USER: &str = "user@some-domain.example/abc";

/// One mirror maker: whom the target may write to first, and with which keys names are made.
struct Maker {
    keys: NameKeys,
    initiate: Senders,
}

impl Maker {
    fn new(initiate: &[&str]) -> Self {
        Self::with_keys(initiate, &[(1, SECRET)])
    }

    fn with_keys(initiate: &[&str], keys: &[(u8, &[u8; 32])]) -> Self {
        let key = |(id, secret): &(u8, &[u8; 32])| {
            NameKey::new(*id, &Zeroizing::new(secret.to_vec())).unwrap()
        };
        Self {
            keys: NameKeys::new(keys.iter().map(key).collect()).unwrap(),
            initiate: Senders::new(initiate.iter().map(|text| match *text {
                "*" => Pattern::Everybody,
                text => Pattern::new(text).unwrap(),
            })),
        }
    }

    fn mirrors(&self) -> Mirrors<'_> {
        Mirrors {
            domain: DOMAIN,
            target: "some-user@some-domain.example",
            keys: &self.keys,
            initiate: &self.initiate,
        }
    }

    /// The mirror, without its domain if it has no resource.
    fn write(&self, user: &str, face: &str) -> Result<String, TooLong> {
        let mut mirror = String::new();
        self.mirrors().write(&Address::new(user), face, &mut mirror)?;
        let (node, rest) = mirror.split_once('@').unwrap();
        match rest.strip_prefix(DOMAIN).unwrap() {
            "" => Ok(node.into()),
            resource => Ok(format!("{node}{resource}")),
        }
    }

    fn read(&self, node: &str) -> Result<(String, String, Form), Malformed> {
        let mut room = String::new();
        let Mirror { user, face, form } = self.mirrors().read(node, &mut room)?;
        Ok((user.into(), face.into(), form))
    }

    /// Checks that this is the mirror, and is read as the bare user and the face.
    #[track_caller]
    fn holds(&self, user: &str, face: &str, mirror: &str) {
        assert_eq!(self.write(user, face).as_deref(), Ok(mirror));
        let address = Address::new(user);
        let node = mirror.split('/').next().unwrap();
        let (read, of, _) = self.read(node).unwrap();
        assert_eq!((read.as_str(), of.as_str()), (address.bare(), face));
    }
}

const SECRET: &[u8; 32] = b"jat-proxy demo key, never use it";
const OTHER: &[u8; 32] = b"another demo key, never use it!!";

#[test]
fn users_in_initiate_have_clear_mirrors() {
    let maker = Maker::new(&["some-domain.example", "evil.example", "example", "comp.example"]);
    maker.holds(USER, "", r"user\40some-domain.example/abc");
    maker.holds(USER, "helper", r"user\40some-domain.example\2fhelper/abc");
    maker.holds("user@some-domain.example", "", r"user\40some-domain.example");
    maker.holds(r"a\40b@evil.example", "", r"a\5c40b\40evil.example");
    maker.holds(r"a\40b@evil.example/x", "helper", r"a\5c40b\40evil.example\2fhelper/x");
    maker.holds("comp.example", "", r"\40comp.example");
    maker.holds("comp.example", "helper", r"\40comp.example\2fhelper");
    maker.holds(r"x\40a.example\2fhelper@example/r", "", r"x\5c40a.example\5c2fhelper\40example/r");
    maker.holds(r"x\5c40@example", "", r"x\5c5c40\40example");
    maker.holds(r"x\@example", r"\", r"x\\40example\2f\");
    maker.holds("zoë@example", "日本", r"zoë\40example\2f日本");
    let clear = |initiated| Ok((USER[..24].into(), "helper".into(), Form::Clear { initiated }));
    assert_eq!(maker.read(r"user\40some-domain.example\2fhelper"), clear(true));
    assert_eq!(Maker::new(&[]).read(r"user\40some-domain.example\2fhelper"), clear(false));
}

#[test]
fn others_are_signed() {
    let maker = Maker::new(&[]);
    maker.holds(USER, "", r"user\40some-domain.example\2f\2fyypzockqmpmvo6qq/abc");
    maker.holds(USER, "helper", r"user\40some-domain.example\2fhelper\2f6m26bevi6xatdpqo/abc");
    maker.holds(
        "אב@example",
        "helper",
        r"\40\4026inpekamv4gc3lqnrss62dfnrygk4rpg55guy3bmruhez3ugv4dezjxmm",
    );
    let comp = maker.write("comp.example", "").unwrap();
    assert_eq!(maker.read(&comp).unwrap().0, "comp.example");
}

#[test]
fn every_key_of_the_ring_verifies() {
    let node = Maker::new(&[]).write("u@example", "").unwrap();
    let form = |keys: &[(u8, &[u8; 32])], initiate: &[&str]| {
        Maker::with_keys(initiate, keys).read(&node).unwrap().2
    };
    assert_eq!(form(&[(1, SECRET)], &[]), Form::Signed { kid: 1 });
    assert_eq!(form(&[(2, OTHER), (1, SECRET)], &[]), Form::Signed { kid: 1 });
    assert_eq!(form(&[(1, SECRET)], &["example"]), Form::Signed { kid: 1 }, "widened since");
    assert_eq!(form(&[(1, OTHER)], &[]), Form::Forged);
    let other = Maker::with_keys(&[], &[(2, OTHER), (1, SECRET)]);
    assert_ne!(other.write("u@example", "").unwrap(), node);
}

#[test]
fn a_mac_is_good_for_one_user_and_one_face() {
    let maker = Maker::new(&[]);
    let form = |node: &str| maker.read(node).unwrap().2;
    let mac = "yypzockqmpmvo6qq";
    assert_eq!(form(&format!(r"user\40some-domain.example\2f\2f{mac}")), Form::Signed { kid: 1 });
    for forged in [
        format!(r"user\40some-domain.example\2f\2fa{}", &mac[1..]),
        format!(r"user\40some-domain.example\2f\2f{}a", &mac[..15]),
        format!(r"mallory\40some-domain.example\2f\2f{mac}"),
        format!(r"user\40some-domain.example\2fhelper\2f{mac}"),
        format!(r"\40some-domain.example\2f\2f{mac}"),
    ] {
        assert_eq!(form(&forged), Form::Forged, "{forged}");
    }
    let read = |change: fn(&mut Mirrors<'_>)| {
        let mut mirrors = maker.mirrors();
        change(&mut mirrors);
        let node = format!(r"user\40some-domain.example\2f\2f{mac}");
        mirrors.read(&node, &mut String::new()).unwrap().form
    };
    assert_eq!(read(|mirrors| mirrors.domain = "other.example"), Form::Forged);
    assert_eq!(read(|mirrors| mirrors.target = "other@some-domain.example"), Form::Forged);
}

#[test]
fn what_servers_would_change_is_opaque() {
    let maker = Maker::new(&["*"]);
    maker.holds("אב@example", "", r"\40\4026inpekamv4gc3lqnrsq");
    maker.holds("אב@example/x", "helper", r"\40\4026inpekamv4gc3lqnrss62dfnrygk4q/x");
    // The `f` of `\2f` would be composed with it.
    maker.holds("u@example", "\u{307}x", r"\40\40ovagk6dbnvygyzjpzsdxq");
    maker.holds("😀@example", "", r"\40\406cpzracamv4gc3lqnrsq");
    maker.holds("u@example", "\u{1e9e}", r"\40\40ovagk6dbnvygyzjp4g5j4");
    maker.holds("u@😀.example", "", r"\40\40ovapbh4yqaxgk6dbnvygyzi");
    // The whole has a normal form, and so has each part; there is no left-to-right `f` in it.
    maker.holds("אב@דה", "", r"אב\40דה");
    maker.holds("אב@דה", "ז", r"\40\4026inpeka26j5pfbp26la");
    // The whole has one, but its first part has none.
    maker.holds("א1@דה", "", r"\40\4026idcqgxsplzi");
}

#[test]
fn all_parts_are_in_normal_form_first() {
    let maker = Maker::new(&["evil.example", "example", "bücher.example"]);
    for (user, face, mirror) in [
        (r"A\5C40B@evil.example", "", r"a\5c5c40b\40evil.example"),
        (r"a\5c40b@evil.example", "", r"a\5c5c40b\40evil.example"),
        ("USER@Example./Res", "HELPER", r"user\40example\2fhelper/Res"),
        ("u@BÜCHER.example", "", r"u\40bücher.example"),
        ("ｕ\u{ad}@ｅxample", "\u{200d}x", r"u\40example\2fx"),
        ("f\u{307}@example", "e\u{301}", r"ḟ\40example\2fé"),
        ("u@example", r"helper\2Fx", r"u\40example\2fhelper\5c2fx"),
        // The prepared node is empty.
        ("\u{ad}@example", "\u{feff}", r"\40example"),
        // Only one part is refused.
        ("A😀@EXAMPLE", "", r"\40\40ihyj7geaibsxqylnobwgk"),
    ] {
        assert_eq!(maker.write(user, face).as_deref(), Ok(mirror), "{user} {face}");
    }
    let read = maker.read(r"USER\40Example\2FHELPER").unwrap();
    assert_eq!(read, ("user@example".into(), "helper".into(), Form::Clear { initiated: true }));
    assert_eq!(maker.read(r"\40\40OVAGK6DBNVYGYZJPZSDXQ").unwrap().0, "u@example");
}

#[test]
fn all_else_is_malformed() {
    let maker = Maker::new(&["example", "dom"]);
    let opaque = |bytes: &[u8]| format!(r"\40\40{}", base32::encode(bytes, &mut [0; 1_100]));
    let encoded = |text: &str| opaque(text.as_bytes());
    let mut bad: Vec<String> = [
        "",
        "helper",
        "user%dom",
        r"\2fhelper",
        r"\5c40",
        "user@dom",
        "user@dom/helper",
        r"a\5cx\40b",
        r"\40\40ab",
        r"\40",
        r"x\40",
        r"\40\40",
        r"user\40dom\2fa\2fb",
        r"user\40dom\2fa\40b",
        r"a\40b\40dom",
        r"u\40dom\2f",
        r"u\40\20x",
        r"u\40a\26b",
        r"u\40dom\2f\2f",
        r"u\40dom\2f\2fyypzockqmpmvo6q",
        r"u\40dom\2f\2fyypzockqmpmvo6q1",
        r"u\40dom\2fa\2fyypzockqmpmvo6qq\2f",
        r"\20u\40dom",
        r"u\40dom.",
        r"u\40dom\2f\5c40",
        r"u\40[\3a\3a2",
        r"u\40dom\3a80",
        r"u\40dom\2fx\5c40",
        r"u\40\2fhelper",
        r"u😀\40dom",
        "u\\40dom\\2f\u{307}",
        r"\40\40nfua====",
    ]
    .map(String::from)
    .into();
    bad.extend(
        [
            // A clear form is possible.
            "u@dom",
            "u@dom/helper",
            "@dom",
            // No clear form is possible, but these parts are not of an address either.
            "😀",
            "😀@",
            "😀@dom/",
            "😀@dom/a/b",
            "😀@dom/a@b",
            r"😀@dom/\40",
            "😀@d om",
            "😀\n@dom",
            "😀\0@dom",
            "A@dom/א",
            "😀@DOM",
            "😀@dom.",
            "a b@dom",
            "a\u{fffe}@dom",
            "\u{ad}@dom",
            "a＠b@dom",
            "א＠b@dom",
            "\u{e000}@dom",
            "u@a\u{a0}b",
            "u@\u{3002}.",
            "",
            "@",
            "/",
        ]
        .map(encoded),
    );
    bad.push(opaque(b"\xff@dom"));
    bad.push(encoded("😀@dom") + "a");
    for node in bad {
        assert_eq!(maker.read(&node), Err(Malformed), "{node}");
    }
    let literal = maker.read(r"u\40[\3a\3a1]").unwrap();
    assert_eq!(literal, ("u@[::1]".into(), "".into(), Form::Clear { initiated: false }));
}

#[test]
fn a_node_has_1023_bytes() {
    let clear = Maker::new(&["*.example", "example"]);
    let node = |bytes: usize| "u".repeat(bytes);
    // With one `@` and one `/`, which grow by two bytes each, the bare address and the face with the
    // slash between them may have 1,019 bytes.
    let user = format!("{}@some.example/r", node(1019 - 13 - 7));
    let mirror = clear.write(&user, "helper").unwrap();
    assert_eq!(mirror.len(), 1023 + 2);
    assert_eq!(clear.read(&mirror[..1023]).unwrap().1, "helper");
    assert_eq!(clear.write(&format!("u{user}"), "helper"), Err(TooLong { bytes: 1024 }));
    assert_eq!(clear.write(&user, ""), Ok(mirror.replace(r"\2fhelper", "")));
    let user = format!("{}@some.example", node(1021 - 13));
    assert_eq!(clear.write(&user, "").unwrap().len(), 1023);
    assert_eq!(clear.write(&format!("u{user}"), ""), Err(TooLong { bytes: 1024 }));

    let signed = Maker::new(&[]);
    let user = format!("{}@some.example", node(1021 - 13 - 22));
    assert_eq!(signed.write(&user, "").unwrap().len(), 1023);
    assert!(signed.write(&format!("u{user}"), "").is_err());
    let user = format!("{}@some.example", node(1019 - 13 - 7 - 19));
    assert_eq!(signed.write(&user, "helper").unwrap().len(), 1023);
    assert!(signed.write(&format!("u{user}"), "helper").is_err());

    let user = format!("😀{}@some.example", node(635 - 13 - 4));
    let mirror = clear.write(&user, "").unwrap();
    assert_eq!(mirror.len(), 6 + 1016);
    assert_eq!(clear.read(&mirror).unwrap().0, user);
    assert_eq!(clear.write(&format!("u{user}"), ""), Err(TooLong { bytes: 1024 }));
}

#[test]
fn nothing_is_appended_if_it_is_too_long() {
    let maker = Maker::new(&[]);
    let mut output = String::from("before");
    let user = "u".repeat(1024);
    assert!(maker.mirrors().write(&Address::new(&user), "", &mut output).is_err());
    assert_eq!(output, "before");
}
