//! What the two streams of a component tell each other. On a shared stream, an echo goes to a
//! random replica. The stream of the presence domain is not shared, so what the other stream sends
//! there does reach us.

/// What is known of the proofs sent from a component's own stream to its presence domain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Witness {
    /// Whether the stream of the presence domain is up, and not shared.
    pub listens: bool,
    /// The proof that came last.
    heard: Option<Proof>,
}

/// One message from a component's domain to its presence domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Which stream it was sent on.
    pub nonce: u64,
    pub number: u64,
}

impl Witness {
    /// A proof came on the stream of the presence domain.
    pub fn hear(&mut self, proof: Proof) {
        self.heard = Some(proof);
    }

    /// Number of the last proof that was sent with this nonce and came.
    pub fn heard_of(&self, nonce: u64) -> Option<u64> {
        self.heard.filter(|proof| proof.nonce == nonce).map(|proof| proof.number)
    }
}

impl Proof {
    /// The id of its message.
    pub fn id(self) -> String {
        format!("{PREFIX}{:016x}-{}", self.nonce, self.number)
    }

    /// What a message with this id is, if that is one.
    pub fn parse(id: &str) -> Option<Self> {
        let (nonce, number) = id.strip_prefix(PREFIX)?.split_once('-')?;
        let nonce = u64::from_str_radix(nonce, 16).ok()?;
        Some(Self { nonce, number: number.parse().ok()? })
    }
}

const PREFIX: &str = "jat-proof-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_known_by_its_id_and_by_whose_it_is() {
        let proof = Proof { nonce: 7, number: 3 };
        assert_eq!(Proof::parse(&proof.id()), Some(proof));
        assert_eq!(Proof::parse("jat-echo-0000000000000007-3"), None);
        let mut witness = Witness::default();
        witness.hear(proof);
        assert_eq!((witness.heard_of(7), witness.heard_of(8)), (Some(3), None));
    }
}
