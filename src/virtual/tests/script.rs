//! Scripts: what is expected of the host, and what the module does then.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use modemqtt_virtual::script::parse;
use rig::Rig;

const OK: &str = "\\r\\nOK\\r\\n";

/// A module with a connected client, and the script from then on.
fn scripted(model: &str, script: &str) -> Rig {
    let mut rig = Rig::connected(model, &[]);
    for expectation in parse(script).unwrap() {
        rig.module.expect(expectation);
    }
    rig
}

fn unmet(rig: &Rig) -> String {
    rig.module.unmet().map(|unmet| unmet.to_string()).unwrap_or_default()
}

#[test]
fn an_expected_line_is_answered_by_the_script_once() {
    for model in ["M95", "BC660K-GL"] {
        let mut rig = scripted(model, "> AT+CSQ\n< +CSQ: 99,99\n< OK\n");
        assert_eq!(rig.answer("AT+CSQ\r"), format!("\\r\\n+CSQ: 99,99\\r\\n{OK}"));
        assert_eq!(unmet(&rig), "");
        assert_eq!(rig.answer("AT+CSQ\r"), format!("\\r\\n+CSQ: 20,0\\r\\n{OK}"));
    }
}

#[test]
fn expectations_are_met_in_the_order_in_which_they_were_given() {
    let mut rig = scripted("M95", "> AT+C*\n! times 2\n< A\n> AT+CSQ\n< B\n> AT+CSQ\n! ignore\n");
    let answers = [(); 4].map(|()| rig.answer("AT+CSQ\r"));
    assert_eq!(answers[..3], ["\\r\\nA\\r\\n", "\\r\\nA\\r\\n", "\\r\\nB\\r\\n"]);
    assert_eq!(answers[3], "");
    assert_eq!(unmet(&rig), "");
}

#[test]
fn an_answer_comes_in_pieces_with_pauses_between_them() {
    let mut rig = scripted(
        "M95",
        "> AT+CSQ\n< +CSQ: 1,1\n! 0.5\n! bytes \\r\\nO\n! 0.5\n! bytes K\\r\\n\n! 2\n! urc +X: 1\n",
    );
    assert_eq!(rig.answer("AT+CSQ\r"), "\\r\\n+CSQ: 1,1\\r\\n");
    assert_eq!(rig.after(499), "");
    assert_eq!(rig.after(1), "\\r\\nO");
    assert_eq!(rig.after(500), "K\\r\\n");
    // The line is free meanwhile.
    assert_eq!(rig.answer("AT\r"), OK);
    assert_eq!(rig.after(2000), "\\r\\n+X: 1\\r\\n");
}

#[test]
fn the_modules_own_answer_passes_early_or_late() {
    let mut rig = scripted("M95", "> AT+CSQ\n> AT+CSQ\n! 1\n! own\n! urc +X: 1\n");
    let own = format!("\\r\\n+CSQ: 20,0\\r\\n{OK}");
    assert_eq!(rig.answer("AT+CSQ\r"), own);
    assert_eq!(rig.answer("AT+CSQ\r"), "");
    assert_eq!(rig.after(1000), format!("{own}\\r\\n+X: 1\\r\\n"));
}

#[test]
fn what_follows_the_modules_own_answer_waits_for_the_end_of_its_data() {
    let mut rig = scripted("M95", "> AT+QMTPUB=*\n! own\n! urc +X: 1\n! drop\n");
    assert_eq!(rig.answer("AT+QMTPUB=0,0,0,0,\"t\"\r"), "\\r\\n> ");
    assert_eq!(rig.after(5000), "");
    let rest = rig.answer("21.5\x1a");
    assert!(rest.starts_with(OK) && rest.contains("+X: 1"), "{rest}");
    assert_eq!(rig.broker.messages().len(), 1);
    // And only then is the connection gone.
    assert!(rest.contains("+QMTSTAT: 0,"), "{rest}");
    assert!(rig.broker.clients().is_empty());
}

#[test]
fn an_answer_that_is_due_in_a_data_phase_comes_behind_it() {
    let mut rig = scripted("M95", "> AT+CSQ\n! 1\n< OK\n");
    assert_eq!(rig.answer("AT+CSQ\r"), "");
    assert_eq!(rig.answer("AT+QMTPUB=0,0,0,0,\"t\"\r"), "\\r\\n> ");
    assert_eq!(rig.after(2000), "");
    assert!(rig.answer("x\x1a").starts_with(&format!("{OK}{OK}")));
}

#[test]
fn a_script_outlives_a_restart_and_may_cause_one() {
    let mut rig = scripted("M95", "> AT+CFUN=1,1\n! own\n! 3\n! urc +X: 1\n> AT+CSQ\n< B\n");
    let printed = rig.answer("AT+CFUN=1,1\r");
    assert!(!printed.contains("+X"), "{printed}");
    assert_eq!(rig.after(3000), "\\r\\n+X: 1\\r\\n");
    assert_eq!(rig.answer("ATE0\rAT+CSQ\r").matches("\\r\\nB").count(), 1);
}

#[test]
fn a_module_that_expects_nothing_any_more_answers_as_ever_and_no_number_is_used_twice() {
    let mut rig = scripted("M95", "> AT+CSQ\n! times any\n< A\n> AT+COPS?\n");
    let first = 0;
    assert_eq!(rig.answer("AT+CSQ\r"), "\\r\\nA\\r\\n");
    rig.module.expect_nothing();
    assert_eq!(unmet(&rig), "");
    assert_eq!(rig.answer("AT+CSQ\r"), format!("\\r\\n+CSQ: 20,0\\r\\n{OK}"));
    let [expectation] = parse("> AT+CSQ\n< B\n").unwrap().try_into().unwrap();
    assert_eq!(rig.module.expect(expectation), 2);
    rig.module.answer_by(first, Vec::new());
    assert_eq!(rig.answer("AT+CSQ\r"), "\\r\\nB\\r\\n");
    assert_eq!(unmet(&rig), "");
}

#[test]
fn what_did_not_come_is_told_with_what_came_and_without_secrets() {
    let mut rig = scripted(
        "M95",
        "> AT+QMTCONN=0,\"c\",\"u\",\"hunter2\"\n> AT+CSQ\n! times 3\n< OK\n> AT+COPS?\n! times any\n",
    );
    assert!(unmet(&rig).ends_with("no command line came"));
    rig.answer("AT+CSQ\rAT+QMTCONN=0,\"c\",\"u\",\"other-secret\"\r");
    assert_eq!(
        unmet(&rig),
        "expected, and did not come:\n  AT+QMTCONN=0,\"c\",\"u\",\"***\"\n  AT+CSQ  (1 of 3 times)\ncame:\n  AT+CSQ  (expected)\n  \
         AT+QMTCONN=0,\"c\",\"u\",\"***\""
    );
}

#[test]
fn a_script_holds_little_whatever_comes() {
    let mut rig = scripted("M95", "> AT+CSQ\n! times any\n! 3600\n< A\n> AT+COPS=?\n");
    let mut printed = 0;
    for _ in 0..1000 {
        printed += rig.answer("AT+CSQ\r").matches("A\\r\\n").count();
    }
    // What finds no room to wait does not wait.
    assert_eq!(printed, 1000 - 256);
    let told = unmet(&rig);
    assert!(told.contains("… 900 earlier") && told.len() < 4000, "{told}");
    assert_eq!(rig.after(3_600_000).matches("A\\r\\n").count(), 256);
}

#[test]
fn a_script_asks_for_data_as_the_command_line_would_and_goes_on_behind_it() {
    for (model, publish, data) in [
        ("M95", "AT+QMTPUB=0,5,1,0,\"t\"\r", "hello\x1a"),
        ("BC35-G", "AT+QMTPUB=0,5,1,0,\"t\"\r", "hello\x1a"),
        ("BC660K-GL", "AT+QMTPUB=0,5,1,0,\"t\",5\r", "hello"),
        ("EG800Q", "AT+QMTPUBEX=0,5,1,0,\"t\",5\r", "hello"),
    ] {
        let script = "> AT+QMTPUB*\n! prompt\n< OK\n! 0.5\n! urc +QMTPUB: 0,5,2\n! drop\n";
        let mut rig = scripted(model, script);
        assert_eq!(rig.answer(publish), "\\r\\n> ", "{model}");
        assert_eq!(rig.answer(data), OK, "{model}");
        assert_eq!(rig.broker.messages().len(), 0, "{model}");
        let lost = rig.after(500);
        assert!(
            lost.starts_with("\\r\\n+QMTPUB: 0,5,2\\r\\n\\r\\n+QMTSTAT: 0,"),
            "{model} {lost}"
        );
    }
    // Nobody asks for what a line carries itself; its bytes are counted.
    let mut rig = scripted(
        "BC660K-GL",
        "> AT+QMTPUB*\n! prompt\n< OK\n> AT+X\n! prompt 2\n< DONE\n",
    );
    assert_eq!(rig.answer("AT+QMTPUB=0,5,1,0,\"t\",5,\"hello\"\r"), OK);
    assert_eq!(rig.answer("AT+X\r"), "\\r\\n> ");
    assert_eq!(rig.answer("AT\r"), "\\r\\nDONE\\r\\n");
}

#[test]
fn an_unsolicited_line_keeps_its_place_in_an_answer() {
    let mut rig = scripted("M95", "> AT+CSQ\n< +CSQ: 1,1\n! urc +TEST: 1\n< OK\n! urc +TEST: 2\n");
    let lines = ["+CSQ: 1,1", "+TEST: 1", "OK", "+TEST: 2"].map(|line| format!("\\r\\n{line}\\r\\n"));
    assert_eq!(rig.answer("AT+CSQ\r"), lines.concat());
}
