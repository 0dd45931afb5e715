//! Each flaw is found by the rules that it breaks.

use std::panic::AssertUnwindSafe;

use super::{
    super::{
        acting, cancelling, claiming, concurrency, enqueuing, files, keys, leases, limits, ordering, pausing,
        pruning, reading, recording, recovering, reopening, run, settling, shelving, suppressing, waking,
    },
    broken::{BrokenHarness, Flaw},
};

/// What a rule says of a store.
fn verdict(rule: impl Future<Output = ()>) -> String {
    match std::panic::catch_unwind(AssertUnwindSafe(|| run(rule))) {
        Ok(()) => "kept".into(),
        Err(panic) => *panic.downcast::<String>().expect("a text"),
    }
}

macro_rules! broken {
    ($($flaw:ident => $($room:ident: $($rule:ident)*),*;)*) => {
        #[allow(non_snake_case)]
        mod each {
            use super::*;

            $(#[test]
            fn $flaw() {
                $($(
                    let text = verdict($room::$rule(&BrokenHarness(Flaw::$flaw)));
                    assert!(text.starts_with("broken rule: "), "{} does not find it: {text}", stringify!($rule));
                )*)*
            })*
        }

        /// The rules that some flaw breaks.
        const BREAKABLE: &[&str] = &[$($($(stringify!($rule)),*),*),*];
    };
}

broken! {
    ActsAreNotTold => acting: hold_and_release_are_told;
    ActsIgnoreFilters => acting: an_act_keeps_to_its_filter an_act_keeps_to_its_states;
    ActsIgnoreScopes => acting: an_act_keeps_to_its_scope;
    AllKeysAreOne => limits: keys_of_limits_are_apart all_asks_are_met_or_none;
    AnswersAreTurned => enqueuing: many_are_answered_in_order, suppressing: answers_are_in_the_order_of_addresses;
    AnyNameIsTaken => shelving: wrong_names_are_refused;
    AnyTenantCancels => recording: tenants_change_only_their_own;
    AnyTenantReads => recording: tenants_read_only_their_own;
    AnyTenantWritesEvents => recording: events_of_unknown_messages_are_skipped;
    BlobsAreOnce => files: a_file_may_be_put_twice;
    CaseMatters => suppressing: addresses_are_compared_without_regard_to_case a_suppression_is_replaced_by_the_next;
    ChannelsDoNotMatter => suppressing: a_suppression_is_found a_removal_is_of_one_channel;
    ClaimsAreTurned => claiming: a_lane_is_in_the_order_of_due_and_id lanes_are_looked_through_in_their_order;
    ClaimsIgnoreLimits => claiming: limits_of_lanes_and_claim_hold a_claim_says_when_more_is_due,
        enqueuing: empty_calls_are_answered;
    ClaimsIgnoreScopes => claiming: a_claim_stays_within_its_scope, recording: tenants_change_only_their_own;
    ClaimsStart => leases: a_claim_counts_nothing_and_a_start_counts_one,
        recovering: a_message_that_was_not_started_returns_unharmed a_start_belongs_to_its_lease;
    ConflictsAreForgiven => shelving: changes_that_expect_something_else_conflict
        of_changes_at_once_one_is_made;
    DeadLettersAreDropped => settling: what_is_dead_is_kept many_settle_at_once,
        cancelling: a_dead_message_is_cancelled a_wish_to_cancel_does_not_hide_a_dead_letter,
        pruning: dead_letters_are_kept_for_their_own_time;
    DelaysAreForgotten => settling: what_is_tried_again_is_due_later,
        ordering: a_head_that_is_tried_again_blocks;
    DocumentsAreTexts => shelving: a_document_is_found_as_it_was_put;
    DueIsForgotten => enqueuing: a_message_waits_until_it_is_due, reading: stats_tell_what_waits_for_longest,
        ordering: the_smallest_id_goes_first_whatever_is_due;
    DueIsNotSaid => enqueuing: a_claim_says_when_it_was_due a_claim_gives_what_was_enqueued;
    EverythingIsFresh => keys: the_same_key_and_content_is_the_first_message,
        recording: what_was_recorded_never_changes, concurrency: callers_with_one_key_make_one_message;
    EverythingIsReadable => claiming: newer_payloads_wait_for_newer_workers;
    FiltersAreIgnored => reading: filters_narrow_lists;
    FingerprintsAreIgnored => keys: the_same_key_with_other_content_is_a_conflict;
    ForgetsEverything => reopening: messages_survive leases_survive losses_survive keys_survive
        pauses_and_acts_survive wishes_to_cancel_survive;
    HeldIsDropped => settling: what_is_held_waits, cancelling: a_held_message_is_cancelled;
    InlineIsForgotten => recording: a_message_sent_at_once_is_not_in_the_queue records_come_back_whole;
    KeysAreForgotten => keys: a_key_counts_within_one_call a_key_is_kept_while_its_message_is,
        concurrency: callers_with_one_key_make_one_message,
        pruning: keys_are_kept_for_a_day_at_least keys_are_kept_as_long_as_asked_for;
    KeysAreGlobal => keys: a_key_is_of_one_tenant_and_channel messages_sent_at_once_take_no_keys;
    KeysAreNotSaid => enqueuing: a_claim_gives_what_was_enqueued;
    LaterIsReturned => recovering: settling_forgives_losses;
    LeasesAreShort => claiming: a_leased_message_is_not_claimed_again,
        leases: a_message_is_nobodys_until_its_lease_is_over;
    LeasesNeverEnd => recovering: a_lost_message_is_claimable_again any_claim_recovers,
        ordering: a_recovered_head_goes_first;
    LimitsAreIgnored => limits: a_window_holds_its_limit_and_no_more no_period_holds_more_than_the_limit
        all_asks_are_met_or_none all_windows_of_an_ask_hold asks_of_one_key_add_up
        more_than_a_window_holds_is_an_error a_new_limit_counts_what_was_taken
        callers_at_once_never_exceed_a_limit;
    ListsAreTurned => reading: lists_are_newest_first_page_by_page;
    LossesAreForgiven => recovering: a_start_beyond_the_mark_is_a_loss a_message_that_could_have_been_started_is_a_loss
        a_message_that_was_started_is_a_loss_of_that_attempt what_was_started_under_hold_is_held
        what_was_started_under_give_up_is_done a_suspect_is_claimed_alone after_the_third_loss_it_is_dead
        any_claim_recovers, concurrency: a_loss_is_counted_once, ordering: a_suspect_head_blocks;
    MarksAreForgotten => recovering: a_mark_moves_up_to_its_message a_mark_never_goes_back
        a_lost_lease_does_not_begin, reopening: marks_survive;
    MarksAreOfAll => recovering: a_mark_belongs_to_its_claim a_mark_moves_up_to_its_message;
    MarksGoTooFar => recovering: what_the_mark_did_not_pass_returns_unharmed a_claim_says_what_may_begin;
    NeverWakes => waking: a_new_message_wakes wake_wakes all_who_wait_are_woken;
    NextDueIsNotSaid => claiming: a_claim_says_when_more_is_due;
    NoAct => acting: cancel_withdraws_what_waits hold_stops_what_waits hold_keeps_the_note_as_reason
        release_lets_go_on release_keeps_suspects replay_begins_a_new_generation,
        ordering: a_head_that_is_released_goes_first_again;
    NoActsAreKept => acting: acts_are_recorded;
    NoBlobs => files: a_file_comes_back;
    NoCancel => cancelling: a_ready_message_is_cancelled a_message_between_attempts_is_cancelled
        a_held_message_is_cancelled a_dead_message_is_cancelled a_paused_message_is_cancelled
        a_suspect_is_cancelled what_is_final_or_unknown_is_not_cancelled a_leased_message_is_in_flight,
        ordering: a_cancelled_head_releases_its_key a_dead_head_releases_its_key a_held_head_releases_its_key;
    NoEventCodes => recording: events_come_back_whole;
    NoLanesAreAll => enqueuing: empty_calls_are_answered;
    NoLeft => settling: who_is_left_is_kept;
    NoMarks => recovering: what_the_mark_did_not_pass_returns_unharmed a_claim_says_what_may_begin
        a_mark_moves_up_to_its_message a_mark_belongs_to_its_claim a_lost_lease_does_not_begin
        what_never_began_is_cancelled_unharmed order_is_kept_by_what_never_began,
        reopening: marks_survive;
    NoOrder => ordering: one_at_a_time_in_the_order_of_ids a_smaller_id_that_comes_late_goes_first
        the_smallest_id_goes_first_whatever_is_due a_head_that_is_tried_again_blocks a_suspect_head_blocks
        a_head_that_is_released_goes_first_again a_recovered_head_goes_first
        an_ordering_key_reaches_across_channels, concurrency: claimers_never_share_an_ordering_key;
    NoPause => pausing: a_pause_of_everything_stops_all_claims a_pause_of_a_channel_stops_that_channel
        a_pause_of_a_tenant_stops_that_tenant suspects_of_what_is_paused_wait
        what_waits_for_a_provider_goes_on_when_it_is_resumed pauses_are_listed_once a_pause_leaves_leases_alone;
    NoPlaceInLists => reading: a_list_tells_the_place;
    NoPrune => pruning: what_is_final_is_kept_for_its_time;
    NoStats => reading: stats_count_by_channel_and_state stats_tell_what_waits_for_longest;
    NoSuppressions => suppressing: a_suppression_of_all_channels_counts_on_each;
    NoTags => recording: records_come_back_whole;
    NoTenantOf => reading: a_message_tells_its_tenant;
    NoVendorIds => reading: a_vendor_id_finds_its_delivery;
    OneEventOfMany => settling: a_message_may_have_several_vendor_ids;
    OneLossIsTold => recovering: each_loss_leaves_an_event;
    OneSettlementOfMany => settling: many_settle_at_once;
    OnlyOneIsWoken => waking: all_who_wait_are_woken;
    OrderReachesAcrossTenants => ordering: ordering_keys_of_tenants_are_apart;
    PagesBeginAnew => shelving: a_page_goes_on_behind_a_key;
    ProviderStopsAll => pausing: a_paused_provider_stops_no_claims;
    PruneIgnoresLimits => pruning: pruning_is_done_in_parts;
    PruneTakesBlobs => files: a_file_without_message_stays_for_a_day a_file_stays_while_its_message_waits;
    PruneTakesQueue => pruning: what_is_in_the_queue_is_never_pruned;
    RecoversAtOnce => leases: a_lease_that_is_over_but_not_taken_settles
        a_lease_that_is_over_but_not_taken_is_renewed;
    RenewsNothing => leases: a_renewed_lease_holds;
    ResumedIsPausedAgain => pausing: what_is_resumed_already_is_not_waited_for;
    ReturnedIsLater => settling: what_is_returned_is_unharmed, recovering: returning_forgives_nothing;
    SentIsSentAgain => settling: what_is_done_leaves_the_queue, concurrency: claimers_never_share_a_message;
    ShelvesAreOne => shelving: shelves_and_tenants_are_apart;
    ShelvesCountDocuments => shelving: the_version_of_a_shelf_counts_changes;
    SinceIsNow => settling: age_counts_from_the_first_due;
    StaleIsForgiven => recovering: a_lost_lease_does_not_begin,
        leases: a_stale_lease_does_not_start a_stale_lease_is_not_renewed
        a_stale_lease_does_not_settle a_lease_settles_once a_lease_that_is_over_does_not_start
        each_lease_is_answered_by_itself, concurrency: a_lease_is_settled_by_one_of_many;
    StartsAreForgotten => settling: attempts_never_go_down,
        leases: a_claim_counts_nothing_and_a_start_counts_one;
    StatusesAreForgotten => recording: deliveries_follow_from_events;
    SuppressionsAreAllTenants => suppressing: suppressions_are_of_one_tenant;
    SuppressionsAreNotAsked => suppressing: what_nobody_may_receive_is_refused;
    SuppressionsStay => suppressing: a_suppression_is_replaced_by_the_next;
    SuspectsAreMany => recovering: suspects_come_one_at_a_time;
    SuspectsWithOthers => recovering: a_suspect_is_claimed_alone returning_forgives_nothing;
    TheFirstSuppressionStays => suppressing: a_suppression_is_replaced_by_the_next;
    TimelinesAreTurned => recording: a_timeline_is_in_the_order_of_time;
    TokensAreTheSame => claiming: tokens_are_fresh_at_every_claim, leases: a_stale_lease_does_not_start
        a_stale_lease_does_not_settle;
    TwiceIsTwice => recording: the_same_event_is_stored_once;
    UncountedIsCounted => settling: what_does_not_count_is_excused;
    UnsuppressedIsSaidOfAll => suppressing: what_some_may_receive_is_enqueued
        unsuppressed_is_what_nobody_was_added_to_since;
    UnsuppressesAll => suppressing: a_removal_is_of_one_channel;
    WaitsAreShort => limits: a_wait_is_long_enough_and_ends;
    WishesAreForgotten => cancelling: a_wish_to_cancel_ends_what_would_wait a_wish_to_cancel_outlives_the_worker;
    Late => enqueuing: a_new_message_is_ready;
}

#[test]
fn every_rule_can_be_broken() {
    let list = include_str!("../macros.rs");
    let rules = list
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && line.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    let rules: Vec<_> = rules.collect();
    assert!(rules.len() > 140, "{rules:?}");
    let safe: Vec<_> = rules.into_iter().filter(|rule| !BREAKABLE.contains(rule)).collect();
    assert!(safe.is_empty(), "no flaw breaks {safe:?}");
}
