use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

const GRACE: i64 = 60_000;

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().expect(text).as_millisecond()
}

fn utc(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .expect("in range")
        .to_string()
}

fn rule(cron: &str, zone: &str) -> Rule {
    Rule::parse(cron, zone).expect(cron)
}

/// Steps a clock through the time, `step_ms` at a time, and notes what is due, as a scheduler does.
fn run(rule: &Rule, from: &str, until: &str, step_ms: i64) -> Vec<String> {
    let (mut now, until) = (ms(from), ms(until));
    let mut planned = rule.next_after(now).expect("a first time");
    let mut fired = Vec::new();
    while now <= until {
        let due = due(rule, planned, now, GRACE, Misfire::Once);
        assert_eq!(due.skipped, None, "at {}", utc(now));
        fired.extend(due.fire.into_iter().map(|at| rule.shown(at)));
        planned = due.next.expect("a next time");
        now += step_ms;
    }
    fired
}

/// Europe/Berlin skips 02:00-03:00 on 2026-03-29 and shows 02:00-03:00 twice on 2026-10-25.
#[test]
fn berlin_on_both_days() {
    let spring = |cron| {
        let rule = rule(cron, "Europe/Berlin");
        run(
            &rule,
            "2026-03-28T22:59:00Z",
            "2026-03-29T21:59:00Z",
            20_000,
        )
    };
    // 02:30 isn't there: the first moment after the gap, and once for two times in it.
    assert_eq!(spring("30 2 * * *"), ["2026-03-29 03:00 +02:00"]);
    assert_eq!(spring("10,30 2 * * *"), ["2026-03-29 03:00 +02:00"]);
    assert_eq!(spring("30 1 * * *"), ["2026-03-29 01:30 +01:00"]);
    assert_eq!(
        spring("30 2,3 * * *"),
        ["2026-03-29 03:00 +02:00", "2026-03-29 03:30 +02:00"]
    );
    // An interval follows the clock.
    let quarters = spring("*/30 * * * *");
    assert_eq!(quarters.len(), 46, "23 hours: {quarters:?}");
    assert_eq!(
        quarters[2..6],
        [
            "2026-03-29 01:00 +01:00",
            "2026-03-29 01:30 +01:00",
            "2026-03-29 03:00 +02:00",
            "2026-03-29 03:30 +02:00"
        ]
    );

    let autumn = |cron| {
        let rule = rule(cron, "Europe/Berlin");
        run(
            &rule,
            "2026-10-24T21:59:00Z",
            "2026-10-25T22:59:00Z",
            20_000,
        )
    };
    // 02:30 is there twice: the first counts.
    assert_eq!(autumn("30 2 * * *"), ["2026-10-25 02:30 +02:00"]);
    assert_eq!(
        autumn("*/30 2 * * *"),
        ["2026-10-25 02:00 +02:00", "2026-10-25 02:30 +02:00"]
    );
    assert_eq!(
        autumn("0 2,3 * * *"),
        ["2026-10-25 02:00 +02:00", "2026-10-25 03:00 +01:00"]
    );
    let halves = autumn("*/30 * * * *");
    assert_eq!(halves.len(), 50, "25 hours: {halves:?}");
    assert_eq!(
        halves[4..8],
        [
            "2026-10-25 02:00 +02:00",
            "2026-10-25 02:30 +02:00",
            "2026-10-25 02:00 +01:00",
            "2026-10-25 02:30 +01:00"
        ]
    );
}

/// Australia/Lord_Howe moves by half an hour: it skips 02:00-02:30 on 2026-10-04 and shows 01:30-02:00 twice
/// on 2026-04-05.
#[test]
fn lord_howe_on_both_days() {
    let spring = |cron| {
        let rule = rule(cron, "Australia/Lord_Howe");
        run(
            &rule,
            "2026-10-03T13:29:00Z",
            "2026-10-04T12:59:00Z",
            20_000,
        )
    };
    assert_eq!(spring("15 2 * * *"), ["2026-10-04 02:30 +11:00"]);
    assert_eq!(spring("45 2 * * *"), ["2026-10-04 02:45 +11:00"]);
    assert_eq!(spring("*/15 * * * *").len(), 94, "23.5 hours");

    let autumn = |cron| {
        let rule = rule(cron, "Australia/Lord_Howe");
        run(
            &rule,
            "2026-04-04T12:59:00Z",
            "2026-04-05T13:29:00Z",
            20_000,
        )
    };
    assert_eq!(autumn("45 1 * * *"), ["2026-04-05 01:45 +11:00"]);
    let quarters = autumn("*/15 * * * *");
    assert_eq!(quarters.len(), 98, "24.5 hours");
    let repeated: Vec<_> = quarters.iter().filter(|at| at.contains(" 01:45")).collect();
    assert_eq!(
        repeated,
        ["2026-04-05 01:45 +11:00", "2026-04-05 01:45 +10:30"]
    );
}

#[test]
fn a_single_start_knows_the_gap_and_the_overlap() {
    let berlin = zone("Europe/Berlin").expect("a zone");
    let at = |text| start_at(text, &berlin).map(utc);
    assert_eq!(
        at("2027-01-05T09:00").expect("valid"),
        "2027-01-05T08:00:00Z"
    );
    assert_eq!(
        at("2027-01-05 09:00:30").expect("valid"),
        "2027-01-05T08:00:30Z"
    );
    assert_eq!(
        at("2026-10-25T02:30").expect("the first"),
        "2026-10-25T00:30:00Z"
    );
    assert_eq!(
        at("2026-10-25T02:30+01:00").expect("exact"),
        "2026-10-25T01:30:00Z"
    );
    assert_eq!(
        at("2026-10-25T01:30Z").expect("exact"),
        "2026-10-25T01:30:00Z"
    );
    let error = at("2026-03-29T02:30").expect_err("a gap").to_string();
    assert!(
        error.contains("2026-03-29 01:59:59 +01:00 to 2026-03-29 03:00 +02:00"),
        "{error}"
    );
    for wrong in ["", "tomorrow", "2027-02-30T09:00", "09:00"] {
        assert!(at(wrong).is_err(), "{wrong}");
    }
    let error = zone("Europe/Atlantis").expect_err("none").to_string();
    assert!(error.contains("Europe/Atlantis"), "{error}");
}

#[test]
fn wrong_expressions_are_named() {
    for (cron, words) in [
        ("", "empty"),
        ("61 * * * *", "61 * * * *"),
        ("* * *", "* * *"),
        ("0 0 30 2 *", "never happens"),
    ] {
        let error = format!("{:#}", Rule::parse(cron, "UTC").expect_err(cron));
        assert!(error.contains(words), "{error}");
    }
    assert!(Rule::parse("0 9 * * 1", "Mars/Olympus").is_err());
    assert_eq!(rule("0 9 * * 1", "UTC").words(), "At 09:00, on Monday.");
}

#[test]
fn a_rule_with_a_year_ends() {
    let rule = rule("0 0 9 1 1 * 2027", "UTC");
    assert_eq!(
        rule.upcoming(ms("2026-01-01T00:00:00Z"), 5),
        [ms("2027-01-01T09:00:00Z")]
    );
    let planned = ms("2027-01-01T09:00:00Z");
    let due = due(&rule, planned, planned + 5, GRACE, Misfire::Once);
    assert_eq!((due.fire, due.next), (vec![planned], None));
}

#[test]
fn missed_times_are_skipped_or_made_up_for_as_the_policy_says() {
    let hourly = rule("0 * * * *", "UTC");
    let planned = ms("2026-06-01T10:00:00Z");
    let now = ms("2026-06-01T15:10:00Z");
    let of = |policy| {
        let due = due(&hourly, planned, now, GRACE, policy);
        assert_eq!(due.next, Some(ms("2026-06-01T16:00:00Z")));
        let hours = |at: i64| utc(at)[11..13].to_owned();
        (
            due.fire.into_iter().map(hours).collect::<Vec<_>>(),
            due.skipped.map(|(from, until)| (hours(from), hours(until))),
        )
    };
    let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
    assert_eq!(of(Misfire::Skip), (vec![], pair("10", "15")));
    assert_eq!(of(Misfire::Once), (vec!["15".into()], pair("10", "14")));
    assert_eq!(
        of(Misfire::All(3)),
        (
            vec!["13".into(), "14".into(), "15".into()],
            pair("10", "12")
        )
    );
    assert_eq!(of(Misfire::All(6)).1, None);
}

#[test]
fn late_is_not_missed() {
    let minutely = rule("* * * * *", "UTC");
    let planned = ms("2026-06-01T10:00:00Z");
    let late = due(&minutely, planned, planned + 59_999, GRACE, Misfire::Skip);
    assert_eq!((late.fire, late.skipped), (vec![planned], None));
    let missed = due(&minutely, planned, planned + 60_000, GRACE, Misfire::Skip);
    assert_eq!(missed.fire, [planned + 60_000]);
    assert_eq!(missed.skipped, Some((planned, planned)));
}

#[test]
fn a_year_of_missed_seconds_costs_no_more_than_the_cap() {
    let secondly = rule("* * * * * *", "UTC");
    let now = ms("2026-06-01T10:00:00Z");
    let began = std::time::Instant::now();
    let due = due(
        &secondly,
        ms("2025-06-01T10:00:00Z"),
        now,
        GRACE,
        Misfire::All(u32::MAX),
    );
    assert_eq!(due.fire.len(), MAX_CAP as usize);
    assert_eq!(due.fire.last(), Some(&now));
    assert!(began.elapsed().as_secs() < 2, "{:?}", began.elapsed());
}

proptest! {
    /// Whatever the clock does, no time is started for twice and none is lost.
    #[test]
    fn steps_of_any_length_start_each_time_once(
        steps in prop::collection::vec(1_i64..5_400_000, 1..60),
        zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
        cron in prop::sample::select(vec!["*/7 * * * *", "30 2 * * *", "0 * * * *", "15,45 1-3 * * *", "0 */2 * * *", "59 23 * * *"]),
        day in prop::sample::select(vec!["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z", "2026-04-04T06:00:00Z"]),
    ) {
        let rule = rule(cron, zone);
        let start = ms(day);
        let mut now = start;
        let mut planned = rule.next_after(now).expect("a first time");
        let mut fired = Vec::new();
        for step in steps {
            now += step;
            let due = due(&rule, planned, now, GRACE, Misfire::All(MAX_CAP));
            prop_assert_eq!(due.skipped, None);
            prop_assert_eq!(due.fire.last().copied(), rule.last_until(now).filter(|at| *at >= planned));
            fired.extend(due.fire);
            planned = due.next.expect("a next time");
        }
        let expected: Vec<i64> = std::iter::successors(rule.next_after(start), |at| rule.next_after(*at))
            .take_while(|at| *at <= now)
            .collect();
        prop_assert_eq!(fired, expected);
    }
}
