//! Key rings, clocks and expiry, as far as one process sees them.

use core_tests::said::Forwarded;
use core_tests::session::{START, key, ring};
use core_tests::twin::{Proxy, TTL, USER, get, settings};
use jat_core::jat::keyring::{Key, Keyring, KeyringError};
use jat_core::jat::reason::Reason;
use jat_core::jat::settings::Settings;
use jat_core::jat::token::{self, Binding, Claims};
use jat_core::jat::traffic::TARGET_REPLY;
use zeroize::Zeroizing;

fn with_keys(keys: Vec<Key>) -> Settings {
    Settings { keyring: ring(keys), ..settings() }
}

fn request(proxy: &mut Proxy) -> Forwarded {
    proxy.forwarded(&get(USER, "proxy.example", "7"))
}

/// The id of the key that a request's token is signed with.
fn signer(forwarded: &Forwarded) -> u8 {
    token::inspect(forwarded.token()).unwrap().kid()
}

#[test]
fn a_token_of_a_key_in_the_future_opens() {
    // Two replicas, 30 s apart, around the moment when key 2 takes over.
    let keys = || with_keys(vec![key(1, None), key(2, Some(START.unix + 10))]);
    let (mut ahead, mut behind) = (Proxy::with(keys()), Proxy::with(keys()));
    ahead.now.unix += 30;
    let (new, old) = (request(&mut ahead), request(&mut behind));
    assert_eq!((signer(&new), signer(&old)), (2, 1));
    behind.reverted(&new.result());
    ahead.reverted(&old.result());
    // The clock steps back before that moment and forward again.
    ahead.now.unix -= 60;
    assert_eq!(signer(&request(&mut ahead)), 1);
    ahead.reverted(&new.result());
    ahead.now.unix += 60;
    assert_eq!(signer(&request(&mut ahead)), 2);
    ahead.still_serves();
}

#[test]
fn a_key_takes_over_at_its_exact_second() {
    let mut proxy = Proxy::with(with_keys(vec![key(1, None), key(2, Some(START.unix + 10))]));
    for (second, id) in [(9, 1), (10, 2), (11, 2)] {
        proxy.now.unix = START.unix + second;
        assert_eq!(signer(&request(&mut proxy)), id);
    }
}

#[test]
fn a_replica_that_has_not_reloaded_drops_what_it_cannot_verify() {
    let mut old = Proxy::new();
    let mut new = Proxy::with(with_keys(vec![key(1, None), key(2, Some(START.unix))]));
    let unknown = request(&mut new);
    old.silent(unknown.result(), TARGET_REPLY, Reason::UnknownKey);
    old.reconfigure(&with_keys(vec![key(1, None), key(2, Some(START.unix))]));
    old.reverted(&unknown.result());
}

#[test]
fn a_key_that_was_removed_too_early_loses_its_replies() {
    let mut proxy = Proxy::new();
    let pending = request(&mut proxy);
    proxy.reconfigure(&with_keys(vec![key(2, None)]));
    proxy.silent(pending.result(), TARGET_REPLY, Reason::UnknownKey);
    // Another secret with the same id makes no difference.
    let other = Key::new(1, &Zeroizing::new(vec![99; 32]), None).unwrap();
    proxy.reconfigure(&with_keys(vec![other]));
    proxy.silent(pending.result(), TARGET_REPLY, Reason::TokenSignature);
    proxy.reconfigure(&settings());
    proxy.reverted(&pending.result());
}

#[test]
fn a_clock_that_is_before_every_key_is_no_reason_to_refuse_them() {
    let future = || vec![key(2, Some(START.unix + 5)), key(3, Some(START.unix + 10))];
    let mut proxy = Proxy::with(with_keys({
        let mut keys = future();
        keys.push(key(1, Some(START.unix)));
        keys
    }));
    // Before every not-before the oldest key signs, which all replicas verify.
    proxy.now.unix = START.unix - 1;
    let pending = request(&mut proxy);
    assert_eq!(signer(&pending), 1);
    proxy.now.unix = START.unix + 11;
    proxy.reverted(&pending.result());
    proxy.still_serves();
}

#[test]
fn faulty_rings_are_refused() {
    let faults = |keys: Vec<Key>| Keyring::new(keys).unwrap_err();
    assert_eq!(
        faults(vec![key(1, None), key(1, None)]),
        [KeyringError::DuplicateId { index: 1, id: 1 }]
    );
    assert_eq!(faults(vec![]), [KeyringError::Empty]);
    assert!(Key::new(1, &Zeroizing::new(vec![7; 31]), None).is_err());
    let all: Vec<Key> = (0..=255).map(|id| key(id, None)).collect();
    let mut proxy = Proxy::with(with_keys(all));
    proxy.still_serves();
}

#[test]
fn expiry_is_exact_at_both_ends_of_time() {
    let mut proxy = Proxy::new();
    let pending = request(&mut proxy);
    let binding = Binding { asked: "proxy.example", peer: &pending.to };
    let claims = Claims::new(USER, "", "7").unwrap();
    let expiring = |at| {
        let token = token::seal(&key(1, None), &claims, at, &binding);
        Forwarded { from: format!("proxy.example/{token}"), ..pending.clone() }.result()
    };
    proxy.silent(expiring(0), TARGET_REPLY, Reason::TokenExpired);
    proxy.silent(expiring(START.unix), TARGET_REPLY, Reason::TokenExpired);
    proxy.reverted(&expiring(START.unix + 1));
    proxy.reverted(&expiring(u64::MAX));
    proxy.now.unix = token::MAX_EXPIRY - 1;
    proxy.reverted(&expiring(u64::MAX));
    proxy.now.unix = token::MAX_EXPIRY;
    proxy.silent_only(expiring(u64::MAX), TARGET_REPLY, Reason::TokenExpired);
    // An extreme clock causes no panic, and no token that never expires.
    proxy.now.unix = u64::MAX;
    let said = proxy.exchange(get(USER, "proxy.example", "7"));
    assert_eq!(said.out.len(), 1);
    proxy.now.unix = 0;
    proxy.still_serves();
    proxy.now.unix = START.unix + TTL - 1;
    proxy.reverted(&pending.result());
}
