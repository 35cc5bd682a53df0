use fastrand::Rng;

use super::*;

/// What each question says of these bytes, asked of this kind of chunk.
macro_rules! answers {
    ($chunk:ty, $bytes:expr, $byte:expr) => {{
        let chunk = <$chunk>::of($bytes);
        let below = chunk.below($byte.max(1));
        [
            chunk.equal($byte).bits(),
            below.bits(),
            chunk.unprintable().bits(),
            chunk.with($byte).equal($byte | 1).bits(),
            chunk.less($byte).below(26).bits(),
            (chunk.equal($byte) | below).bits(),
            (!chunk.equal($byte)).bits(),
            <$chunk>::of_eight($bytes.first_chunk().unwrap()).equal($byte).bits(),
        ]
    }};
}

/// The same, byte by byte.
fn expected(bytes: &[u8; SIZE], byte: u8) -> [u32; 8] {
    let bits = |is: &dyn Fn(u8) -> bool| {
        (0..SIZE).fold(0, |bits, at| bits | u32::from(is(bytes[at])) << at)
    };
    let bound = byte.max(1);
    [
        bits(&|it| it == byte),
        bits(&|it| it < bound),
        bits(&|it| !(b' '..0x80).contains(&it)),
        bits(&|it| it | byte == byte | 1),
        bits(&|it| it.wrapping_sub(byte) < 26),
        bits(&|it| it == byte || it < bound),
        bits(&|it| it != byte),
        (bits(&|it| it == byte) & 0xff) | if byte == 0 { 0xff00 } else { 0 },
    ]
}

#[test]
fn bytes_are_marked_by_what_they_are_whoever_looks() {
    let mut rng = Rng::with_seed(1);
    let rounds = if cfg!(miri) { 2 } else { 100 };
    for byte in 0..=u8::MAX {
        for round in 0..rounds {
            let near = |rng: &mut Rng| byte.wrapping_add(rng.u8(..3)).wrapping_sub(1);
            let bytes = std::array::from_fn(|at| match round {
                0 => byte.wrapping_add((31 * at) as u8),
                _ if rng.bool() => near(&mut rng),
                _ => rng.u8(..),
            });
            let expected = expected(&bytes, byte);
            assert_eq!(answers!(Chunk, &bytes, byte), expected, "{byte} {bytes:?}");
            assert_eq!(answers!(words::Chunk, &bytes, byte), expected, "{byte} {bytes:?}");
        }
    }
}

#[test]
fn numbers_become_bytes_of_five_bits_and_back_whoever_does_it() {
    let mut rng = Rng::with_seed(3);
    for _ in 0..if cfg!(miri) { 20 } else { 10_000 } {
        let numbers = [(); 2].map(|()| rng.u64(..1 << 40));
        let fives: [u8; SIZE] =
            std::array::from_fn(|at| (numbers[at / 8] >> (5 * (7 - at % 8))) as u8 & 0x1f);
        assert_eq!(Chunk::spread(numbers).bytes(), fives);
        assert_eq!(words::Chunk::spread(numbers).bytes(), fives);
        assert_eq!(Chunk::of(&fives).gathered(), numbers);
        assert_eq!(words::Chunk::of(&fives).gathered(), numbers);
    }
}

#[test]
fn bytes_are_added_whoever_does_it() {
    let mut rng = Rng::with_seed(4);
    for byte in 0..=u8::MAX {
        let bytes: [u8; SIZE] = std::array::from_fn(|_| rng.u8(..));
        let expected = bytes.map(|it| it.wrapping_add(if it < 26 { byte } else { 0 }));
        let chunk = Chunk::of(&bytes);
        assert_eq!(chunk.plus(chunk.below(26).times(byte)).bytes(), expected, "{byte}");
        let chunk = words::Chunk::of(&bytes);
        assert_eq!(chunk.plus(chunk.below(26).times(byte)).bytes(), expected, "{byte}");
    }
}

/// Some are more than four chunks; few for an interpreter, which is slow.
fn lengths() -> impl Iterator<Item = usize> {
    (0..100).step_by(if cfg!(miri) { 33 } else { 1 })
}

#[test]
fn what_is_near_is_found_and_the_rest_left() {
    let find = |bytes: &[u8], at| find_near::<2>(bytes, at, |it| it.equal(b'a'));
    for length in lengths() {
        let mut bytes = vec![b'.'; length];
        for from in 0..=length {
            assert_eq!(find(&bytes, from), Err(length.min(from + 2 * SIZE)), "{from}");
        }
        for place in 0..length {
            bytes[place] = b'a';
            for from in 0..=length {
                let near = (from..from + 2 * SIZE).contains(&place);
                let found = if near { Ok(place) } else { Err(length.min(from + 2 * SIZE)) };
                assert_eq!(find(&bytes, from), found, "{length} {place} {from}");
            }
            bytes[place] = b'.';
        }
    }
}

#[test]
fn what_is_marked_is_visited_in_order() {
    let mut rng = Rng::with_seed(2);
    for length in lengths() {
        let bytes: Vec<u8> = (0..length).map(|_| rng.u8(b'a'..=b'c')).collect();
        let all: Vec<usize> = (0..length).filter(|at| bytes[*at] == b'a').collect();
        for most in 0..=all.len() {
            let mut seen = Vec::new();
            visit(
                &bytes,
                |it| it.equal(b'a'),
                |at| {
                    seen.push(at);
                    if seen.len() <= most {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                },
            );
            assert_eq!(seen, all[..all.len().min(most + 1)]);
        }
    }
}

#[test]
fn every_byte_counts_whatever_the_length() {
    let good = |byte: u8| byte != b'\xff';
    for length in lengths() {
        let mut bytes = vec![b'\xff'; length];
        assert_eq!(every(&bytes, Chunk::unprintable, good), length == 0);
        // What is not in doubt is not looked at.
        assert!(every(&vec![b'x'; length], Chunk::unprintable, |_| false));
        bytes.fill(b'\n');
        assert!(every(&bytes, Chunk::unprintable, good));
        for at in 0..length {
            bytes[at] = b'\xff';
            assert!(!every(&bytes, Chunk::unprintable, good), "{at} of {length}");
            bytes[at] = b'\n';
        }
    }
}
