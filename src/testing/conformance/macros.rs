//! One named test a rule.

/// Tests a provider against every rule of its contract, one named test a rule.
///
/// ```text
/// tidings::provider_conformance! { mod acme; channel: Email; harness: AcmeHarness; http: json }
/// ```
///
/// - `mod`: the module that is made for the tests.
/// - `channel`: `Chat`, `Email`, `Push`, `Sms` or `WhatsApp`.
/// - `harness`: an expression that makes a
///   [`Harness`](crate::testing::conformance::Harness) of that channel; it is made anew for every rule.
/// - `http`: left out for providers that do not speak HTTP through the context;
///   `json` for those that read JSON from answers of success; else `any`.
#[macro_export]
macro_rules! provider_conformance {
    ($(#[$meta:meta])* mod $name:ident; channel: $channel:ident; harness: $harness:expr $(;)?) => {
        $(#[$meta])*
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $crate::__conformance_tests! { @general $channel, $harness }
        }
    };
    ($(#[$meta:meta])* mod $name:ident; channel: $channel:ident; harness: $harness:expr; http: any $(;)?) => {
        $(#[$meta])*
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $crate::__conformance_tests! { @general $channel, $harness }
            $crate::__conformance_tests! { @http $channel, $harness }
        }
    };
    ($(#[$meta:meta])* mod $name:ident; channel: $channel:ident; harness: $harness:expr; http: json $(;)?) => {
        $(#[$meta])*
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $crate::__conformance_tests! { @general $channel, $harness }
            $crate::__conformance_tests! { @http $channel, $harness }
            $crate::__conformance_tests! { @json $channel, $harness }
        }
    };
}

/// The lists of the rules; not part of the public API.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    (@general $channel:ident, $harness:expr) => {
        $crate::__conformance_tests! { @each $channel, $harness;
            batch_answers_as_many_results_as_items_in_order
            capabilities_are_stable
            debug_shows_no_secret
            empty_batch_is_empty
            max_batch_is_at_least_one
            name_is_not_empty_and_stable
            one_outcome_per_recipient
            sample_messages_are_accepted
            sample_messages_are_within_capabilities
            send_future_can_be_dropped
            unknown_options_are_refused
        }
    };
    (@http $channel:ident, $harness:expr) => {
        $crate::__conformance_tests! { @each $channel, $harness;
            http_401_is_auth
            http_429_is_rate_limited_with_retry_after_date
            http_429_is_rate_limited_with_retry_after_seconds
            http_500_is_unknown
            http_503_is_passing_and_not_sent
            http_check_with_bad_credentials_is_auth
            http_connection_refused_is_not_sent
            http_deadline_is_handed_to_transport
            http_error_pages_are_classified
            http_errors_stay_short
            http_errors_show_no_secret
            http_failures_are_not_repeated
            http_idempotency_key_is_the_same_for_every_attempt
            http_no_answer_in_time_is_unknown
            http_redirect_is_no_success
            http_reset_after_send_is_unknown
            http_secret_headers_are_sensitive
            http_without_transport_is_config
        }
    };
    (@json $channel:ident, $harness:expr) => {
        $crate::__conformance_tests! { @each $channel, $harness;
            http_json_that_says_nothing_is_unknown
            http_success_that_is_cut_is_unknown
            http_success_that_is_not_json_is_unknown
        }
    };
    (@each $channel:ident, $harness:expr; $($rule:ident)*) => {$(
        #[test]
        fn $rule() {
            $crate::testing::conformance::run(
                $crate::testing::conformance::$rule::<$crate::$channel, _>(&$harness),
            );
        }
    )*};
}
