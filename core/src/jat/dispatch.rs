//! Which of several online resources gets a request.

use sha2::{Digest, Sha256};

use crate::named;

named! {
    /// How requests are spread over the online resources of the target.
    #[derive(Default)]
    pub enum Dispatch {
        /// Each request to a random resource.
        #[default]
        Random = "random",
        /// All requests of one user to the same resource, by rendezvous hashing: replicas agree
        /// without communicating, and when a resource leaves, only its own users move.
        Sticky = "sticky",
        /// To the resource with the highest priority in its presence (RFC 6121 section 4.7.2.3),
        /// and as [`Self::Sticky`] among several with the same. One with a negative priority is
        /// never asked.
        Priority = "priority",
    }
}

/// The hash that `sticky` starts from: the first 8 bytes, big endian, of SHA-256 of a user's
/// bare address in normal form, or of a resource.
pub fn sticky_hash(text: &str) -> u64 {
    Sha256::digest(text.as_bytes())[..8].iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// The weight of a resource for a user, from both [`sticky_hash`]es; the highest wins.
/// The finalizer of SplitMix64 over both hashes xored.
pub fn sticky_weight(user: u64, resource: u64) -> u64 {
    let mut z = user ^ resource;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(user: u64, resources: &[u64]) -> u64 {
        *resources.iter().max_by_key(|r| sticky_weight(user, **r)).unwrap()
    }

    #[test]
    fn the_hash_is_fixed() {
        assert_eq!(sticky_hash(""), 0xe3b0_c442_98fc_1c14);
        assert_eq!(sticky_weight(0, 1), 0x5692_161d_100b_05e5);
    }

    #[test]
    fn users_spread_evenly_and_a_leaving_resource_moves_only_its_own() {
        let resources: Vec<u64> = ["a", "b", "c", "d"].map(sticky_hash).to_vec();
        let users: Vec<u64> =
            (0..4000).map(|i| sticky_hash(&format!("user{i}@some.example"))).collect();
        for resource in &resources {
            let share = users.iter().filter(|u| chosen(**u, &resources) == *resource).count();
            assert!((850..1150).contains(&share), "{share} of 4000");
        }
        for user in users {
            let before = chosen(user, &resources);
            if before != resources[0] {
                assert_eq!(chosen(user, &resources[1..]), before);
            }
        }
    }
}
