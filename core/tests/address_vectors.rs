//! The golden vectors of tests/data/addresses-v1.toml, against mirrors, aliases and normal forms, and
//! against the script that wrote them.

use std::borrow::Cow;
use std::fs;

use core_tests::address_vectors::{self, Maker, TARGET, Vectors, bare_face, keys};
use core_tests::{interpreter, repository};
use data_encoding::HEXLOWER;
use jat_core::jat::address::Address;
use jat_core::jat::alias::{self, Holder};
use jat_core::jat::mirror::{Form, Malformed, TooLong};
use jat_core::jat::prepared::{self, Refused};
use sha2::{Digest, Sha256};

#[test]
fn users_and_faces_have_these_mirrors() {
    for vector in Vectors::load().mirror {
        let name = &vector.name;
        let maker = Maker::new(vector.signed);
        let mut written = String::new();
        let user = Address::new(&vector.user);
        maker.mirrors().write(&user, &vector.face, &mut written).expect(name);
        assert_eq!(written, vector.mirror, "{name}");

        let mirror = Address::new(&written);
        assert_eq!(mirror.resource(), user.resource(), "{name}");
        let mut room = String::new();
        let read = maker.mirrors().read(mirror.node().unwrap(), &mut room).expect(name);
        let form = match vector.signed {
            true => Form::Signed { kid: 1 },
            false => Form::Clear { initiated: true },
        };
        assert_eq!((read.user, read.face), (&*vector.bare, &*vector.face_read), "{name}");
        assert_eq!(read.form, form, "{name}");
    }
}

#[test]
fn some_are_too_long() {
    for vector in Vectors::load().too_long {
        let (maker, mut output) = (Maker::new(vector.signed), String::new());
        let user = Address::new(&vector.user);
        let said = maker.mirrors().write(&user, &vector.face, &mut output);
        assert_eq!(said, Err(TooLong { bytes: vector.bytes }), "{}", vector.name);
    }
}

#[test]
fn nodes_read_in_every_spelling_and_are_refused_if_they_are_none() {
    let vectors = Vectors::load();
    let maker = Maker::new(true);
    let mut room = String::new();
    for vector in &vectors.read {
        let read = maker.mirrors().read(&vector.node, &mut room).expect(&vector.name);
        assert_eq!((read.user, read.face), (&*vector.bare, &*vector.face), "{}", vector.name);
    }
    for vector in &vectors.forged {
        let read = maker.mirrors().read(&vector.node, &mut room).expect(&vector.name);
        assert_eq!(read.form, Form::Forged, "{}", vector.name);
    }
    for vector in &vectors.malformed {
        let read = maker.mirrors().read(&vector.node, &mut room);
        assert_eq!(read, Err(Malformed), "{}", vector.name);
    }
}

#[test]
fn resources_have_these_aliases() {
    let vectors = Vectors::load();
    for vector in &vectors.alias {
        let (name, face) = (&vector.name, bare_face(&vector.face));
        let holder = Holder { face: &face, target: TARGET };
        let (ring, mut written, mut opened) = (keys(&[vector.kid]), String::new(), String::new());
        alias::write(ring.first(), &holder, &vector.resource, &mut written).expect(name);
        assert_eq!(written, vector.alias, "{name}");
        assert_eq!(alias::open(&ring, &holder, &written, &mut opened), Some(vector.kid), "{name}");
        assert_eq!(opened, vector.resource, "{name}");
    }
    let (face, mut opened) = (bare_face(""), String::new());
    let holder = Holder { face: &face, target: TARGET };
    for vector in &vectors.no_alias {
        let said = alias::open(&keys(&[1, 2]), &holder, &vector.text, &mut opened);
        assert_eq!((said, opened.as_str()), (None, ""), "{}", vector.name);
    }
}

/// Code points in normal form, by the tables of another implementation.
#[test]
fn the_profiles_are_those_of_unicode_3_2() {
    type Profile = fn(&str) -> Result<Cow<'_, str>, Refused>;
    let digest = |profile: Profile| {
        let mut hash = Sha256::new();
        for c in ('\0'..='\u{2ffff}').chain('\u{e0000}'..='\u{e0fff}') {
            hash.update(profile(c.encode_utf8(&mut [0; 4])).as_deref().unwrap_or("!"));
            hash.update(b"\n");
        }
        HEXLOWER.encode(&hash.finalize())
    };
    let profiles = Vectors::load().profiles;
    assert_eq!(digest(prepared::node), profiles.node);
    assert_eq!(digest(prepared::domain), profiles.domain);
}

#[test]
#[ignore = "needs python3"]
fn the_script_writes_exactly_the_vectors() {
    let script = repository().join("tests/data/make_address_vectors.py");
    let written = interpreter::run(interpreter::PYTHON, &[script.to_str().unwrap()], "");
    let stored = fs::read_to_string(repository().join(address_vectors::FILE)).unwrap();
    assert!(written == stored, "run the script again, or revert {}", address_vectors::FILE);
}
