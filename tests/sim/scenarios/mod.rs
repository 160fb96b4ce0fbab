//! Histories that were thought of: what must hold, in words.

/// Prints what a story has measured.
macro_rules! say {
    ($($text:tt)*) => {
        println!("  {}: {}", std::thread::current().name().unwrap_or_default(), format_args!($($text)*))
    };
}

/// One world of these in the short run, since an unoptimised simulator takes its time; all of them in the long one.
fn worlds<T: Copy>(all: &[T]) -> impl Iterator<Item = T> + '_ {
    let count = if cfg!(debug_assertions) { 1 } else { all.len() };
    all.iter().copied().take(count)
}

mod bounds;
mod found;
mod loss;
mod members;
mod month;
mod owed;
mod past;
mod receivers;
mod turns;
mod versions;
mod wear;

pub(crate) type Test = (&'static str, fn());

pub(crate) const ALL: &[Test] = &[
    (
        "every_fault_has_a_checker_and_every_checker_a_fault",
        crate::faults::every_fault_has_a_checker_and_every_checker_a_fault,
    ),
    ("three_nodes_tell_each_group_once", turns::three_nodes_tell_each_group_once),
    (
        "a_group_whose_log_travels_in_parts_is_told_once",
        turns::a_group_whose_log_travels_in_parts_is_told_once,
    ),
    (
        "a_large_alert_is_told_in_time_by_a_node_that_has_it",
        turns::a_large_alert_is_told_in_time_by_a_node_that_has_it,
    ),
    (
        "a_thousand_groups_are_told_once_each_and_by_all_nodes_alike",
        turns::a_thousand_groups_are_told_once_each_and_by_all_nodes_alike,
    ),
    ("clocks_five_minutes_apart_change_nothing", turns::clocks_five_minutes_apart_change_nothing),
    (
        "a_node_that_dies_within_group_wait_is_replaced_in_time",
        turns::a_node_that_dies_within_group_wait_is_replaced_in_time,
    ),
    (
        "a_node_that_dies_while_it_sends_is_replaced_in_time",
        turns::a_node_that_dies_while_it_sends_is_replaced_in_time,
    ),
    (
        "a_large_group_is_told_once_though_its_log_entry_is_long_on_its_way",
        turns::a_large_group_is_told_once_though_its_log_entry_is_long_on_its_way,
    ),
    (
        "a_turn_is_taken_over_within_two_seconds_of_a_death",
        turns::a_turn_is_taken_over_within_two_seconds_of_a_death,
    ),
    (
        "long_attempts_cost_little_traffic_however_many_groups_wait",
        turns::long_attempts_cost_little_traffic_however_many_groups_wait,
    ),
    (
        "a_node_that_dies_in_a_long_attempt_is_replaced_when_its_claim_lapses",
        turns::a_node_that_dies_in_a_long_attempt_is_replaced_when_its_claim_lapses,
    ),
    (
        "alerts_of_a_node_that_dies_at_once_after_its_answer_are_told",
        turns::alerts_of_a_node_that_dies_at_once_after_its_answer_are_told,
    ),
    ("a_seed_that_comes_back_repeats_nothing", turns::a_seed_that_comes_back_repeats_nothing),
    (
        "a_receiver_that_takes_30_s_hears_each_group_once",
        turns::a_receiver_that_takes_30_s_hears_each_group_once,
    ),
    (
        "a_receiver_that_fails_for_two_minutes_hears_each_group_once",
        turns::a_receiver_that_fails_for_two_minutes_hears_each_group_once,
    ),
    (
        "the_one_node_that_reaches_the_receiver_takes_over",
        turns::the_one_node_that_reaches_the_receiver_takes_over,
    ),
    (
        "the_only_node_without_a_black_hole_takes_over_each_group",
        turns::the_only_node_without_a_black_hole_takes_over_each_group,
    ),
    (
        "an_early_surrendered_turn_is_taken_at_once",
        turns::an_early_surrendered_turn_is_taken_at_once,
    ),
    (
        "a_node_that_lost_its_receiver_hands_its_turns_over_at_once",
        turns::a_node_that_lost_its_receiver_hands_its_turns_over_at_once,
    ),
    (
        "waiting_deliveries_to_a_lost_receiver_are_handed_over_with_the_tried",
        turns::waiting_deliveries_to_a_lost_receiver_are_handed_over_with_the_tried,
    ),
    (
        "a_receiver_that_swallows_attempts_keeps_no_other_waiting",
        turns::a_receiver_that_swallows_attempts_keeps_no_other_waiting,
    ),
    (
        "the_history_says_why_each_node_told_or_held",
        turns::the_history_says_why_each_node_told_or_held,
    ),
    (
        "the_history_names_the_dead_whose_turn_is_taken",
        turns::the_history_names_the_dead_whose_turn_is_taken,
    ),
    (
        "a_flock_in_two_tells_once_a_side_and_never_again",
        turns::a_flock_in_two_tells_once_a_side_and_never_again,
    ),
    (
        "five_singles_tell_once_each_and_never_again",
        turns::five_singles_tell_once_each_and_never_again,
    ),
    (
        "a_node_that_stops_amid_attempts_is_heard_though_much_is_lost",
        turns::a_node_that_stops_amid_attempts_is_heard_though_much_is_lost,
    ),
    (
        "a_rolling_restart_under_load_misses_and_repeats_nothing",
        turns::a_rolling_restart_under_load_misses_and_repeats_nothing,
    ),
    ("a_step_of_the_wall_clock_moves_no_timer", turns::a_step_of_the_wall_clock_moves_no_timer),
    (
        "a_flock_tells_each_group_once_though_much_is_lost",
        loss::a_flock_tells_each_group_once_though_much_is_lost,
    ),
    (
        "a_fallback_is_told_once_by_the_flock_and_hears_the_end",
        receivers::a_fallback_is_told_once_by_the_flock_and_hears_the_end,
    ),
    (
        "a_flock_keeps_to_a_rate_limit_together_and_tells_the_rest_in_digests",
        receivers::a_flock_keeps_to_a_rate_limit_together_and_tells_the_rest_in_digests,
    ),
    (
        "the_last_quarter_of_a_budget_is_for_alerts_that_it_keeps",
        receivers::the_last_quarter_of_a_budget_is_for_alerts_that_it_keeps,
    ),
    (
        "alerts_that_came_and_went_without_uplink_are_told_once",
        owed::alerts_that_came_and_went_without_uplink_are_told_once,
    ),
    (
        "all_that_is_owed_survives_a_power_cut_and_is_told_at_a_pace",
        owed::all_that_is_owed_survives_a_power_cut_and_is_told_at_a_pace,
    ),
    (
        "a_week_without_uplink_is_told_once_in_order_and_at_a_pace",
        owed::a_week_without_uplink_is_told_once_in_order_and_at_a_pace,
    ),
    (
        "a_member_that_was_away_tells_nothing_that_was_told_late",
        owed::a_member_that_was_away_tells_nothing_that_was_told_late,
    ),
    ("the_history_is_there_after_a_power_cut", past::the_history_is_there_after_a_power_cut),
    (
        "a_member_that_does_not_come_back_after_a_power_cut_is_missed",
        members::a_member_that_does_not_come_back_after_a_power_cut_is_missed,
    ),
    ("a_month_of_alerts_leaves_nothing_over", month::a_month_of_alerts_leaves_nothing_over),
    (
        "a_quiet_day_writes_nothing_to_flash_and_a_stormy_one_so_much",
        wear::a_quiet_day_writes_nothing_to_flash_and_a_stormy_one_so_much,
    ),
    (
        "two_halves_that_need_more_groups_than_there_may_be_keep_their_own",
        bounds::two_halves_that_need_more_groups_than_there_may_be_keep_their_own,
    ),
    (
        "two_halves_with_more_alerts_than_there_may_be_keep_their_own",
        bounds::two_halves_with_more_alerts_than_there_may_be_keep_their_own,
    ),
    (
        "two_halves_with_more_silences_than_there_may_be_keep_their_own",
        bounds::two_halves_with_more_silences_than_there_may_be_keep_their_own,
    ),
    (
        "records_that_found_no_room_in_the_flock_are_shared_later",
        bounds::records_that_found_no_room_in_the_flock_are_shared_later,
    ),
    ("ends_that_were_told_do_not_come_back", found::ends_that_were_told_do_not_come_back),
    (
        "a_restart_ends_no_alert_of_another_nodes_journal",
        found::a_restart_ends_no_alert_of_another_nodes_journal,
    ),
    ("a_new_card_ends_the_alert_of_the_old_one", found::a_new_card_ends_the_alert_of_the_old_one),
    ("claims_count_where_clocks_are_apart", found::claims_count_where_clocks_are_apart),
    (
        "a_surrender_that_is_overtaken_is_heard_all_the_same",
        found::a_surrender_that_is_overtaken_is_heard_all_the_same,
    ),
    (
        "elements_of_a_newer_version_outlive_their_author_among_older_nodes",
        versions::elements_of_a_newer_version_outlive_their_author_among_older_nodes,
    ),
    (
        "a_silence_of_a_member_that_was_never_met_mutes_at_once",
        found::a_silence_of_a_member_that_was_never_met_mutes_at_once,
    ),
    (
        "records_taken_in_1970_reach_members_that_know_the_time",
        found::records_taken_in_1970_reach_members_that_know_the_time,
    ),
    (
        "a_boot_in_1970_neither_ends_nor_repeats_nor_forgets",
        found::a_boot_in_1970_neither_ends_nor_repeats_nor_forgets,
    ),
    (
        "records_stored_in_1970_are_replicated_by_a_node_that_boots_on_time",
        found::records_stored_in_1970_are_replicated_by_a_node_that_boots_on_time,
    ),
    ("records_stored_in_1970_undo_no_end", found::records_stored_in_1970_undo_no_end),
    (
        "records_taken_in_1970_after_versions_of_today_are_replicated",
        found::records_taken_in_1970_after_versions_of_today_are_replicated,
    ),
    (
        "nobody_waits_for_a_member_that_was_never_met_to_hand_on",
        found::nobody_waits_for_a_member_that_was_never_met_to_hand_on,
    ),
    (
        "records_taken_while_the_clock_was_behind_are_replicated",
        found::records_taken_while_the_clock_was_behind_are_replicated,
    ),
    (
        "a_version_that_was_lost_with_the_power_is_not_given_again",
        found::a_version_that_was_lost_with_the_power_is_not_given_again,
    ),
    (
        "two_nodes_meet_after_their_introducer_died",
        found::two_nodes_meet_after_their_introducer_died,
    ),
    (
        "a_node_that_missed_the_news_of_a_member_meets_it_later",
        found::a_node_that_missed_the_news_of_a_member_meets_it_later,
    ),
    (
        "a_member_met_through_a_third_is_found_after_a_restart",
        found::a_member_met_through_a_third_is_found_after_a_restart,
    ),
    (
        "a_node_that_came_back_is_met_later_by_one_that_was_cut_off",
        found::a_node_that_came_back_is_met_later_by_one_that_was_cut_off,
    ),
    (
        "an_end_that_one_side_has_told_is_not_told_by_the_other_after_healing",
        found::an_end_that_one_side_has_told_is_not_told_by_the_other_after_healing,
    ),
];
