//! Generated names: what people and attackers put into the parts of an address.

use fastrand::Rng;

/// A name of one to twelve characters of one or two kinds, or of many more.
pub fn name(rng: &mut Rng) -> String {
    let pools: Vec<Vec<char>> =
        (0..rng.usize(1..=2)).map(|_| POOLS[rng.usize(..POOLS.len())].chars().collect()).collect();
    let length = if rng.u8(..) < 12 { rng.usize(50..400) } else { rng.usize(1..=12) };
    let mut one = || {
        let pool = &pools[rng.usize(..pools.len())];
        pool[rng.usize(..pool.len())]
    };
    (0..length).map(|_| one()).collect()
}

/// Scripts of both directions, upper and lower case, characters that normalisation changes, shortens
/// or lengthens, prohibited ones, and ones that Unicode 3.2, or any Unicode, does not have.
const POOLS: [&str; 16] = [
    "abcdefghijklmnopqrstuvwxyz",
    "ABCXYZ0123456789-_.+~!$*",
    " <>'\"&/@:%\\",
    "äöüéñçøåÄÖÉÑßẞſıİŁł",
    "e\u{301}o\u{308}n\u{303}a\u{30a}\u{323}\u{327}\u{345}",
    "\u{300}\u{308}\u{327}\u{20dd}\u{3099}\u{fe0f}",
    "αβγΣςσΩώΐΰ",
    "жЖщЩёЁїҐ",
    "שלוםעברית",
    "عربيسلام",
    "٠١٢٣۴۵",
    "日本語漢字ひらがなカタカナ",
    "\u{1112}\u{1161}\u{11ab}한글",
    "ﬁﬀㅀ㌖㍿Ⅻ①ＡＢｃｄﷺ",
    "😀🏳🧑ꙮ\u{7ca}\u{7d2}\u{1e922}\u{378}\u{2fe0}\u{e0080}Ა\u{10a0}",
    "\u{ad}\u{200b}\u{200d}\u{2060}\u{e000}\u{fdd0}\u{feff}\u{2028}\u{3000}\u{a0}",
];
