//! One named test a rule.

/// Tests a store against every rule of its contract, one named test a rule.
///
/// ```text
/// tidings::storage_conformance! { mod contract; harness: AcmeHarness; also: wakes reopening }
/// ```
///
/// - `mod`: the module that is made for the tests.
/// - `harness`: an expression that makes a [`Harness`](crate::testing::storage::Harness); it is made
///   anew for every rule.
/// - `also`: parts beside the four of a whole [`Store`](crate::storage::Store): `documents` for stores
///   that are [`Documents`](crate::storage::Documents) too, `wakes` for stores that tell workers when there is work, `reopening` for those whose data outlive them (their harness is a
///   [`DurableHarness`](crate::testing::storage::DurableHarness)).
/// - `only`, in place of `also`: just these parts. Those of a whole store are `messages`, `blobs`,
///   `suppressions` and `limits`.
#[macro_export]
macro_rules! storage_conformance {
    ($(#[$meta:meta])* mod $name:ident; harness: $harness:expr $(;)?) => {
        $crate::storage_conformance! {
            $(#[$meta])* mod $name; harness: $harness; only: messages blobs suppressions limits
        }
    };
    ($(#[$meta:meta])* mod $name:ident; harness: $harness:expr; also: $($part:ident)+ $(;)?) => {
        $crate::storage_conformance! {
            $(#[$meta])* mod $name; harness: $harness; only: messages blobs suppressions limits $($part)+
        }
    };
    ($(#[$meta:meta])* mod $name:ident; harness: $harness:expr; only: $($part:ident)+ $(;)?) => {
        $(#[$meta])*
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $($crate::__storage_tests! { $part $harness })+
        }
    };
}

/// The lists of the rules; not part of the public API.
#[doc(hidden)]
#[macro_export]
macro_rules! __storage_tests {
    (messages $harness:expr) => {
        $crate::__storage_tests! { @each $harness, acting;
            acts_are_recorded
            an_act_keeps_to_its_filter
            an_act_keeps_to_its_scope
            an_act_keeps_to_its_states
            cancel_withdraws_what_waits
            hold_and_release_are_told
            hold_keeps_the_note_as_reason
            hold_stops_what_waits
            release_keeps_suspects
            release_lets_go_on
            replay_begins_a_new_generation
        }
        $crate::__storage_tests! { @each $harness, cancelling;
            a_dead_message_is_cancelled
            a_held_message_is_cancelled
            a_leased_message_is_in_flight
            a_message_between_attempts_is_cancelled
            a_paused_message_is_cancelled
            a_ready_message_is_cancelled
            a_suspect_is_cancelled
            a_wish_to_cancel_does_not_hide_a_dead_letter
            a_wish_to_cancel_ends_what_would_wait
            a_wish_to_cancel_outlives_the_worker
            what_is_final_or_unknown_is_not_cancelled
        }
        $crate::__storage_tests! { @each $harness, claiming;
            a_claim_says_when_more_is_due
            a_claim_stays_within_its_scope
            a_lane_is_in_the_order_of_due_and_id
            a_leased_message_is_not_claimed_again
            lanes_are_looked_through_in_their_order
            limits_of_lanes_and_claim_hold
            newer_payloads_wait_for_newer_workers
            tokens_are_fresh_at_every_claim
        }
        $crate::__storage_tests! { @each $harness, concurrency;
            a_lease_is_settled_by_one_of_many
            a_loss_is_counted_once
            callers_with_one_key_make_one_message
            claimers_never_share_a_message
            claimers_never_share_an_ordering_key
        }
        $crate::__storage_tests! { @each $harness, enqueuing;
            a_claim_gives_what_was_enqueued
            a_claim_says_when_it_was_due
            a_message_waits_until_it_is_due
            a_new_message_is_ready
            empty_calls_are_answered
            many_are_answered_in_order
        }
        $crate::__storage_tests! { @each $harness, keys;
            a_key_counts_within_one_call
            a_key_is_kept_while_its_message_is
            a_key_is_of_one_tenant_and_channel
            messages_sent_at_once_take_no_keys
            the_same_key_and_content_is_the_first_message
            the_same_key_with_other_content_is_a_conflict
        }
        $crate::__storage_tests! { @each $harness, leases;
            a_claim_counts_nothing_and_a_start_counts_one
            a_lease_settles_once
            a_lease_that_is_over_but_not_taken_is_renewed
            a_lease_that_is_over_but_not_taken_settles
            a_lease_that_is_over_does_not_start
            a_message_is_nobodys_until_its_lease_is_over
            a_renewed_lease_holds
            a_stale_lease_does_not_settle
            a_stale_lease_does_not_start
            a_stale_lease_is_not_renewed
            each_lease_is_answered_by_itself
        }
        $crate::__storage_tests! { @each $harness, ordering;
            a_cancelled_head_releases_its_key
            a_dead_head_releases_its_key
            a_head_that_is_released_goes_first_again
            a_head_that_is_tried_again_blocks
            a_held_head_releases_its_key
            a_recovered_head_goes_first
            a_smaller_id_that_comes_late_goes_first
            a_suspect_head_blocks
            an_ordering_key_reaches_across_channels
            one_at_a_time_in_the_order_of_ids
            ordering_keys_of_tenants_are_apart
            the_smallest_id_goes_first_whatever_is_due
        }
        $crate::__storage_tests! { @each $harness, pausing;
            a_pause_leaves_leases_alone
            a_pause_of_a_channel_stops_that_channel
            a_pause_of_a_tenant_stops_that_tenant
            a_pause_of_everything_stops_all_claims
            a_paused_provider_stops_no_claims
            pauses_are_listed_once
            suspects_of_what_is_paused_wait
            what_is_resumed_already_is_not_waited_for
            what_waits_for_a_provider_goes_on_when_it_is_resumed
        }
        $crate::__storage_tests! { @each $harness, pruning;
            dead_letters_are_kept_for_their_own_time
            keys_are_kept_as_long_as_asked_for
            keys_are_kept_for_a_day_at_least
            pruning_is_done_in_parts
            what_is_final_is_kept_for_its_time
            what_is_in_the_queue_is_never_pruned
        }
        $crate::__storage_tests! { @each $harness, reading;
            a_list_tells_the_place
            a_message_tells_its_tenant
            a_vendor_id_finds_its_delivery
            filters_narrow_lists
            lists_are_newest_first_page_by_page
            stats_count_by_channel_and_state
            stats_tell_what_waits_for_longest
        }
        $crate::__storage_tests! { @each $harness, recording;
            a_message_sent_at_once_is_not_in_the_queue
            a_timeline_is_in_the_order_of_time
            deliveries_follow_from_events
            events_come_back_whole
            events_of_unknown_messages_are_skipped
            records_come_back_whole
            tenants_change_only_their_own
            tenants_read_only_their_own
            the_same_event_is_stored_once
            what_was_recorded_never_changes
        }
        $crate::__storage_tests! { @each $harness, recovering;
            a_claim_says_what_may_begin
            a_lost_lease_does_not_begin
            a_lost_message_is_claimable_again
            a_mark_belongs_to_its_claim
            a_mark_moves_up_to_its_message
            a_mark_never_goes_back
            a_message_that_could_have_been_started_is_a_loss
            a_message_that_was_not_started_returns_unharmed
            a_message_that_was_started_is_a_loss_of_that_attempt
            a_start_belongs_to_its_lease
            a_start_beyond_the_mark_is_a_loss
            a_suspect_is_claimed_alone
            after_the_third_loss_it_is_dead
            any_claim_recovers
            each_loss_leaves_an_event
            order_is_kept_by_what_never_began
            returning_forgives_nothing
            settling_forgives_losses
            suspects_come_one_at_a_time
            what_never_began_is_cancelled_unharmed
            what_the_mark_did_not_pass_returns_unharmed
            what_was_started_under_give_up_is_done
            what_was_started_under_hold_is_held
        }
        $crate::__storage_tests! { @each $harness, settling;
            a_message_may_have_several_vendor_ids
            age_counts_from_the_first_due
            attempts_never_go_down
            many_settle_at_once
            what_does_not_count_is_excused
            what_is_dead_is_kept
            what_is_done_leaves_the_queue
            what_is_held_waits
            what_is_returned_is_unharmed
            what_is_tried_again_is_due_later
            who_is_left_is_kept
        }
    };
    (blobs $harness:expr) => {
        $crate::__storage_tests! { @each $harness, files;
            a_file_comes_back
            a_file_may_be_put_twice
            a_file_stays_while_its_message_waits
            a_file_without_message_stays_for_a_day
        }
    };
    (suppressions $harness:expr) => {
        $crate::__storage_tests! { @each $harness, suppressing;
            a_removal_is_of_one_channel
            a_suppression_is_found
            a_suppression_is_replaced_by_the_next
            a_suppression_of_all_channels_counts_on_each
            addresses_are_compared_without_regard_to_case
            answers_are_in_the_order_of_addresses
            suppressions_are_of_one_tenant what_nobody_may_receive_is_refused what_some_may_receive_is_enqueued
            unsuppressed_is_what_nobody_was_added_to_since
        }
    };
    (limits $harness:expr) => {
        $crate::__storage_tests! { @each $harness, limits;
            a_new_limit_counts_what_was_taken
            a_wait_is_long_enough_and_ends
            a_window_holds_its_limit_and_no_more
            all_asks_are_met_or_none
            all_windows_of_an_ask_hold
            asks_of_one_key_add_up
            callers_at_once_never_exceed_a_limit
            keys_of_limits_are_apart
            more_than_a_window_holds_is_an_error
            no_period_holds_more_than_the_limit
        }
    };
    (documents $harness:expr) => {
        $crate::__storage_tests! { @each $harness, shelving;
            a_document_is_found_as_it_was_put
            a_page_goes_on_behind_a_key
            changes_that_expect_something_else_conflict
            of_changes_at_once_one_is_made
            shelves_and_tenants_are_apart
            the_version_of_a_shelf_counts_changes
            wrong_names_are_refused
        }
    };
    (wakes $harness:expr) => {
        $crate::__storage_tests! { @each $harness, waking;
            a_new_message_wakes
            all_who_wait_are_woken
            wake_wakes
        }
    };
    (reopening $harness:expr) => {
        $crate::__storage_tests! { @each $harness, reopening;
            keys_survive
            leases_survive
            losses_survive
            marks_survive
            messages_survive
            pauses_and_acts_survive
            wishes_to_cancel_survive
        }
    };
    (@each $harness:expr, $room:ident; $($rule:ident)*) => {$(
        #[test]
        fn $rule() {
            $crate::testing::storage::run($crate::testing::storage::$room::$rule(&$harness));
        }
    )*};
}
