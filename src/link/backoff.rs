//! How long to wait before the next attempt to connect.

use std::time::Duration;

use fastrand::Rng;

use super::cause::Cause;

/// Counts attempts that fail for the same cause, and spreads them out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    cause: Option<Cause>,
    attempt: u32,
}

impl Backoff {
    /// The wait after a failure for `cause`. `lived`: how long the stream that ended had been
    /// up. A new cause starts from the shortest wait, and so does a stream that lasted.
    pub(super) fn wait(
        &mut self,
        cause: Cause,
        lived: Option<Duration>,
        rng: &mut Rng,
    ) -> Duration {
        // When two processes replace each other, each stays connected for as long as the other
        // waits.
        let lasting = if cause == Cause::Replaced { LONGER_THAN_A_RIVAL_WAITS } else { STABLE };
        if self.cause != Some(cause) || lived.is_some_and(|lived| lived >= lasting) {
            *self = Self { cause: Some(cause), attempt: 0 };
        }
        self.attempt = self.attempt.saturating_add(1);
        let (least, most) = cause.wait();
        let grown = f64::min(least * 2f64.powi(self.attempt.min(30).cast_signed()), most);
        // Full jitter above the minimum, so that replicas do not come back at the same moment.
        Duration::from_secs_f64(least + (grown - least) * rng.f64())
    }

    /// Starts from the shortest wait, as the fault may have been mended.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// A stream that lasted this long does not count as a failure.
pub(super) const STABLE: Duration = Duration::from_secs(10);
/// Longer than the longest wait of a process that was replaced.
const LONGER_THAN_A_RIVAL_WAITS: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(cause: Cause, lived: Option<Duration>) -> Vec<f64> {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::with_seed(1));
        (0..1000).map(|_| backoff.wait(cause, lived, &mut rng).as_secs_f64()).collect()
    }

    fn range(waits: &[f64]) -> (f64, f64) {
        (waits.iter().copied().fold(f64::MAX, f64::min), waits.iter().copied().fold(0.0, f64::max))
    }

    #[test]
    fn each_cause_waits_within_its_bounds() {
        for (cause, least, most) in [
            (Cause::Refused, 0.2, 1.0),
            (Cause::Conflict, 1.0, 1.0),
            (Cause::Replaced, 30.0, 300.0),
            (Cause::NotAuthorized, 5.0, 60.0),
            (Cause::CertificateUntrusted, 5.0, 60.0),
            (Cause::Disconnected, 0.2, 60.0),
            (Cause::Reconfigured, 0.0, 0.0),
        ] {
            let (low, high) = range(&waits(cause, None));
            assert!(low >= least && high <= most, "{cause:?}: {low} to {high}");
            assert!(high >= most * 0.9, "{cause:?} never waits long: {high}");
        }
        assert!(waits(Cause::Disconnected, None)[0] < 0.5);
    }

    #[test]
    fn a_stream_that_lasted_starts_anew() {
        let (_, high) = range(&waits(Cause::Disconnected, Some(Duration::from_secs(11))));
        assert!(high <= 0.4, "{high}");
    }

    #[test]
    fn two_that_replace_each_other_get_out_of_step() {
        // Each stream lives as long as the other process waits.
        let (_, high) = range(&waits(Cause::Replaced, Some(Duration::from_secs(250))));
        assert!(high > 200.0, "{high}");
        let (_, high) = range(&waits(Cause::Replaced, Some(Duration::from_secs(3600))));
        assert!(high <= 60.0, "{high}");
    }

    #[test]
    fn another_cause_starts_anew() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::with_seed(1));
        for _ in 0..60 {
            backoff.wait(Cause::Refused, None, &mut rng);
        }
        assert!(backoff.wait(Cause::HostUnknown, None, &mut rng) <= Duration::from_secs(10));
    }
}
