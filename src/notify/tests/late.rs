//! The words about alerts that came and went while their receiver was not reached, and about those that were cut.

use super::*;

fn late() -> Notification {
    let alerts =
        resolved().alerts.iter().map(|it| AlertView { late: true, ..it.clone() }).collect();
    Notification { alerts, cut: 3, ..resolved() }
}

#[test]
fn the_default_texts_say_what_is_late_and_how_many_were_cut() {
    let text = |own: &str, it| body(&request(&of(own, it))).to_string();
    for own in [
        "discord_configs: [{webhook_url: 'http://d'}]",
        "msteams_configs: [{webhook_url: 'http://m'}]",
        "telegram_configs: [{bot_token: t, chat_id: 1}]",
        "webhook_configs: [{url: 'http://x'}]",
    ] {
        let (late, usual) = (text(own, late()), text(own, resolved()));
        assert!(late.contains("late") && !usual.contains("late"), "{late}");
        assert!(
            late.contains("\"cut\":3") || late.contains("3 more alerts came and went"),
            "{late}"
        );
        assert!(!usual.contains("cut"), "{usual}");
    }
    let slack = "slack_configs: [{api_url: 'http://s'}]";
    assert!(text(slack, late()).contains("[RESOLVED, late] B"), "a title says so by itself");
    assert!(text(slack, resolved()).contains("[RESOLVED] B"));
}

#[test]
fn a_mail_says_what_is_late_and_how_many_were_cut() {
    let mail = "email_configs: [{to: 'a@b.c', from: 'd@e.f', smarthost: 'h:25'}]";
    let text = |it: Notification| {
        let Ok(Outgoing::Mail(mail)) = of(mail, it).inline() else { panic!() };
        // Without the soft breaks of quoted-printable lines.
        String::from_utf8(mail.plan.message).unwrap().replace("=\r\n", "")
    };
    let (late, usual) = (text(late()), text(resolved()));
    assert!(late.contains("told late") && late.contains("3 more alerts"), "{late}");
    assert!(!usual.contains("told late") && !usual.contains("more alerts"), "{usual}");
}
