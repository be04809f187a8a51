//! What nearly every program sends: each family answers what it has, from one state, and refuses the rest.

#![allow(clippy::unwrap_used, reason = "input cannot reach a test")]

mod rig;

use std::collections::BTreeSet;
use std::time::Duration;

use modemqtt_at::dialect::{self, Everyday, Kind};
use modemqtt_virtual::module::Signal;
use rig::Rig;

const OK: &str = "\\r\\nOK\\r\\n";

/// Models, one of each family.
const MODELS: [&str; 5] = ["M95", "BC28", "BC660K-GL", "EG916Q", "BG95"];

/// A set form that its row allows.
fn legal(row: &Everyday) -> Option<String> {
    let parameters = row.set?;
    let values: Vec<_> = parameters
        .iter()
        .take(row.least)
        .map(|parameter| match (row.name, parameter.kind) {
            ("CCLK", _) => "\"26/02/03,04:05:06+00\"".into(),
            ("QENG", Kind::Text { .. }) => "\"servingcell\"".into(),
            ("QINDCFG", Kind::Text { .. }) => "\"all\"".into(),
            ("QCFG", Kind::Text { .. }) => "\"dsevent\"".into(),
            ("NCONFIG", Kind::Text { .. }) if parameter.name == "function" => "AUTOCONNECT".into(),
            (_, Kind::Text { least, .. }) => format!("\"{}\"", "0".repeat(least.max(2))),
            (_, Kind::Integer { low, .. }) => low.to_string(),
            (_, kind) => panic!("{}: {kind:?}", row.name),
        })
        .collect();
    Some(values.join(","))
}

#[test]
fn every_family_answers_every_form_of_its_rows_and_each_row_has_a_source() {
    for model in MODELS {
        let (dialect, _) = dialect::of_model(model).unwrap();
        let mut names = BTreeSet::new();
        for row in dialect.around.everyday {
            assert!(names.insert(row.name), "{model}: {} stands twice", row.name);
            assert!(row.source.len() > 10, "{model}: {} has no source", row.name);
            let mut forms = Vec::new();
            forms.extend(row.test.map(|_| "=?".to_owned()));
            forms.extend(row.read.map(|_| "?".to_owned()));
            forms.extend(row.execute.map(|_| String::new()));
            forms.extend(legal(row).map(|values| format!("={values}")));
            for form in forms {
                let answer = Rig::new(model).answer(format!("AT+{}{form}\r", row.name));
                let line = format!("{model}: AT+{}{form}: {answer}", row.name);
                assert!(answer.ends_with(OK) && !answer.contains("ERROR"), "{line}");
                assert!(!answer.contains(['{', '}']), "{line}");
            }
            if row.set.is_some() {
                let refused = Rig::new(model).answer(format!("AT+{}=\"\",\"\",\"\",9999999\r", row.name));
                assert!(refused.contains("ERROR"), "{model}: {}: {refused}", row.name);
            }
        }
    }
}

#[test]
fn a_family_refuses_what_only_others_have() {
    let all: BTreeSet<_> = dialect::ALL
        .iter()
        .flat_map(|dialect| dialect.around.everyday)
        .collect_names();
    for model in MODELS {
        let (dialect, _) = dialect::of_model(model).unwrap();
        let own: BTreeSet<_> = dialect.around.everyday.iter().map(|row| row.name).collect();
        for name in all
            .difference(&own)
            .filter(|name| !["CREG", "CGDCONT", "CGSN"].contains(name))
        {
            let answer = Rig::new(model).answer(format!("AT+{name}?\r"));
            assert!(answer.contains("ERROR"), "{model}: AT+{name}?: {answer}");
        }
    }
}

/// The names of rows.
trait CollectNames {
    fn collect_names(self) -> BTreeSet<&'static str>;
}

impl<T: Iterator<Item = &'static Everyday>> CollectNames for T {
    fn collect_names(self) -> BTreeSet<&'static str> {
        self.map(|row| row.name).collect()
    }
}

/// One line of an answer, and `OK`.
fn line(text: &str) -> String {
    format!("\\r\\n{}\\r\\n{OK}", text.replace('"', "\\\""))
}

#[test]
fn the_answers_are_those_of_the_family() {
    for (model, asked, answer) in [
        ("M95", "COPS?", "+COPS: 0,0,\"Test Network\""),
        ("BC28", "COPS?", "+COPS:0,2,\"00101\",9"),
        ("BC660K-GL", "COPS?", "+COPS: 0,2,\"00101\",9"),
        ("EG916Q", "COPS?", "+COPS: 0,0,\"Test Network\",7"),
        ("M95", "CBC", "+CBC: 0,88,3860"),
        ("BC660K-GL", "CBC", "+CBC: 3860"),
        ("BC28", "CSCON?", "+CSCON:0,0"),
        ("BC660K-GL", "CREG?", "+CREG: 0,1"),
        ("BC660K-GL", "CGSN=2", "+CGSN: 4901542032375101"),
        ("BC660K-GL", "QCFG=\"dsevent\"", "+QCFG: \"dsevent\",0"),
        (
            "BC660K-GL",
            "QENG=0",
            "+QENG: 0,6254,12,299,\"01A2B3C4\",-84,-11,-73,13,20,\"1A2B\",0,-128,2",
        ),
        ("EG916Q", "QCSQ", "+QCSQ: \"LTE\",-73,-84,13,-11"),
        (
            "EG916Q",
            "QNWINFO",
            "+QNWINFO: \"FDD LTE\",\"00101\",\"LTE BAND 3\",1300",
        ),
        ("EG916Q", "QINISTAT", "+QINISTAT: 7"),
        ("M95", "CGACT?", "+CGACT: 1,1"),
    ] {
        assert_eq!(
            Rig::new(model).answer(format!("AT+{asked}\r")),
            line(answer),
            "{model} {asked}"
        );
    }
    let statistics = Rig::new("BC28").answer("AT+NUESTATS\r");
    assert!(statistics.contains("Signal power:-840\\r\\n"), "{statistics}");
    let configuration = Rig::new("BC28").answer("AT+NCONFIG=AUTOCONNECT,FALSE\rAT+NCONFIG?\r");
    assert!(
        configuration.contains("+NCONFIG:AUTOCONNECT,FALSE\\r\\n"),
        "{configuration}"
    );
}

#[test]
fn every_answer_comes_from_one_state() {
    let mut rig = Rig::new("EG916Q");
    rig.answer("AT+CREG=1\r");
    assert!(rig.answer("AT+COPS=2\r").contains("+CREG: 0"));
    assert_eq!(rig.answer("AT+COPS?\r"), line("+COPS: 2"));
    assert_eq!(rig.answer("AT+CGATT?\r"), line("+CGATT: 0"));
    assert_eq!(rig.answer("AT+CGACT?\r"), line("+CGACT: 1,0"));
    assert_eq!(rig.answer("AT+QNWINFO\r"), line("+QNWINFO: No Service"));
    assert!(rig.answer("AT+COPS=1,2,\"99999\"\r").contains("+CME ERROR: 30"));
    assert!(rig.answer("AT+COPS=1,2,\"00101\",7\r").contains("+CREG: 1"));
    assert_eq!(rig.answer("AT+COPS?\r"), line("+COPS: 1,2,\"00101\",7"));
    rig.module.set_signal(Signal::of(10, 0));
    assert_eq!(rig.answer("AT+QCSQ\r"), line("+QCSQ: \"LTE\",-93,-104,13,-11"));
    rig.set_sim("absent");
    assert!(rig.answer("AT+QSIMSTAT?\r").contains("+QSIMSTAT: 0,0"));
}

#[test]
fn the_clock_goes_on_from_what_it_was_told_and_a_restart_does_not_stop_it() {
    let mut rig = Rig::new("M95");
    assert_eq!(rig.answer("AT+CCLK=\"26/02/28,23:59:50+00\"\r"), OK);
    rig.elapse(Duration::from_secs(15));
    assert_eq!(rig.answer("AT+CCLK?\r"), line("+CCLK: \"26/03/01,00:00:05+00\""));
    assert!(rig.answer("AT+CCLK=\"26/02/30,00:00:00+00\"\r").contains("ERROR"));
    rig.restart();
    assert!(rig.answer("AT+CCLK?\r").contains("26/03/01,00:00:05"));
}

#[test]
fn letters_of_the_line_are_taken_by_the_families_that_have_them() {
    for (model, taken) in [("M95", true), ("EG800Q", true), ("BC28", false), ("BC660K-GL", false)] {
        for letters in ["X4", "&C1", "&D0", "&D2", "X0&C0"] {
            let answer = Rig::new(model).answer(format!("AT{letters}\r"));
            assert_eq!(answer == OK, taken, "{model}: AT{letters}: {answer}");
        }
        assert_ne!(Rig::new(model).answer("AT&C2\r"), OK);
    }
}

#[test]
fn the_default_context_takes_a_user_and_a_password() {
    let mut rig = Rig::new("BC660K-GL");
    assert_eq!(rig.answer("AT+QCGDEFCONT=\"IP\",\"lab\",\"me\",\"secret\"\r"), OK);
    assert_eq!(rig.answer("AT+QCGDEFCONT?\r"), line("+QCGDEFCONT: \"IP\",\"LAB\""));
    assert!(rig.answer("AT+QCGDEFCONT=\"IP\",\"lab\",\"me\"\r").contains("ERROR"));
}

#[test]
fn the_battery_is_what_was_set_and_a_restart_does_not_charge_it() {
    for (model, answer) in [
        ("M95", "+CBC: 0,7,3301"),
        ("EG916Q", "+CBC: 0,7,3301"),
        ("BC660K-GL", "+CBC: 3301"),
    ] {
        let mut rig = Rig::new(model);
        rig.module.set_battery(3301, 7);
        assert_eq!(rig.answer("AT+CBC\r"), line(answer), "{model}");
        rig.restart();
        assert!(rig.answer("AT+CBC\r").contains(&answer.replace('"', "\\\"")), "{model}");
    }
}

#[test]
fn another_cell_is_reported_where_the_place_was_asked_for_and_shows_in_every_answer() {
    let mut rig = Rig::new("EG916Q");
    rig.answer("AT+CEREG=2;+CREG=1\r");
    rig.set_cell(0x2B, 0xABC);
    assert_eq!(rig.take(), "\\r\\n+CEREG: 1,\\\"002B\\\",\\\"00000ABC\\\",7\\r\\n");
    assert_eq!(rig.answer("AT+CEREG?\r"), line("+CEREG: 2,1,\"002B\",\"00000ABC\",7"));
    assert!(
        rig.answer("AT+QENG=\"servingcell\"\r")
            .contains(",00000ABC,383,1300,3,3,3,002B,")
    );
    rig.set_cell(0x2B, 0xABC);
    assert_eq!(rig.take(), "", "it is there already");
}

#[test]
fn the_radio_is_connected_from_an_opening_to_a_close_and_tells_so_where_asked_to() {
    for (model, blank) in [("BC660K-GL", " "), ("BC28", "")] {
        let mut rig = Rig::new(model);
        rig.answer("AT+CSCON=1\r");
        let opening = rig.answer("AT+QMTOPEN=0,\"127.0.0.1\",1883\r");
        assert!(
            opening.contains(&format!("\\r\\n+CSCON:{blank}1\\r\\n")),
            "{model} {opening}"
        );
        assert_eq!(rig.answer("AT+CSCON?\r"), line(&format!("+CSCON:{blank}1,1")));
        let closing = rig.answer("AT+QMTCLOSE=0\r");
        assert!(
            closing.contains(&format!("\\r\\n+CSCON:{blank}0\\r\\n")),
            "{model} {closing}"
        );
        rig.answer("AT+CSCON=0\r");
        assert!(
            !rig.answer("AT+QMTOPEN=0,\"127.0.0.1\",1883\r").contains("CSCON"),
            "{model}"
        );
    }
}

#[test]
fn the_network_grants_the_edrx_that_was_asked_for() {
    for (model, blank) in [("BC660K-GL", " "), ("BC28", "")] {
        let mut rig = Rig::new(model);
        assert_eq!(rig.answer("AT+CEDRXRDP\r"), line(&format!("+CEDRXRDP:{blank}0")));
        rig.answer("AT+CEDRXS=1,5,\"1001\"\r");
        let granted = line(&format!("+CEDRXRDP:{blank}5,\"1001\",\"1001\",\"0011\""));
        assert_eq!(rig.answer("AT+CEDRXRDP\r"), granted);
        rig.answer("AT+CEDRXS=0\r");
        assert_eq!(rig.answer("AT+CEDRXRDP\r"), line(&format!("+CEDRXRDP:{blank}0")));
    }
}

#[test]
fn m95_tells_of_its_cell_once_that_is_switched_on() {
    let mut rig = Rig::new("M95");
    assert_eq!(rig.answer("AT+QENG?\r"), line("+QENG: 0,0"));
    rig.answer("AT+QENG=1\r");
    let told = rig.answer("AT+QENG?\r");
    assert!(
        told.contains("+QENG: 0,001,01,1a2b,b3c4,62,26,-73,40,40,5,5,x,x,x,x,x,x,x"),
        "{told}"
    );
    rig.answer("AT+COPS=2\r");
    assert!(!rig.answer("AT+QENG?\r").contains("001,01"));
}

#[test]
fn the_signal_that_was_set_shows_in_every_answer() {
    let weak = Signal {
        rsrp: Some(-131),
        rsrq: Some(-19),
        sinr: Some(-4),
        ..Signal::of(2, 7)
    };
    for (model, command, expected) in [
        ("EG916Q", "AT+QCSQ", "+QCSQ: \\\"LTE\\\",-109,-131,-4,-19\\r"),
        ("EG916Q", "AT+QENG=\"servingcell\"", ",-131,-19,-109,-4,-\\r"),
        ("BC660K-GL", "AT+QENG=0", ",-131,-19,-109,-4,20,"),
        ("BC660K-GL", "AT+CESQ", "+CESQ: 99,99,255,255,1,10\\r"),
        ("BC28", "AT+NUESTATS", "Signal power:-1310\\r"),
        ("BC28", "AT+NUESTATS", "RSRQ:-190\\r"),
        ("BC28", "AT+NUESTATS", "SNR:-40\\r"),
        ("M95", "AT+CSQ", "+CSQ: 2,7\\r"),
    ] {
        let mut rig = Rig::new(model);
        rig.module.set_signal(weak);
        let answer = rig.answer(format!("{command}\r"));
        assert!(answer.contains(expected), "{model}: {answer}");
    }
}

#[test]
fn what_is_left_out_at_the_end_of_a_setting_is_as_after_a_start() {
    for (model, set, read, expected) in [
        ("M95", "AT+QENG=0", "AT+QENG?", "+QENG: 0,0\\r"),
        ("EG916Q", "AT+IFC=2", "AT+IFC?", "+IFC: 2,0\\r"),
        ("EG916Q", "AT+QSIMDET=1", "AT+QSIMDET?", "+QSIMDET: 1,0\\r"),
        (
            "BC660K-GL",
            "AT+QNBIOTEVENT=1",
            "AT+QNBIOTEVENT?",
            "+QNBIOTEVENT: 1,1\\r",
        ),
        ("BC660K-GL", "AT+CPSMS=0", "AT+CPSMS?", "+CPSMS: 0\\r"),
    ] {
        let mut rig = Rig::new(model);
        assert_eq!(rig.answer(format!("{set}\r")), OK, "{model}: {set}");
        assert!(rig.answer(format!("{read}\r")).contains(expected), "{model}: {read}");
    }
}

#[test]
fn the_time_of_the_network_has_all_digits_of_the_year() {
    for model in ["EG916Q", "BG95"] {
        let mut rig = Rig::new(model);
        rig.answer("AT+CCLK=\"26/02/03,04:05:06+00\"\r");
        let told = "+QLTS: \\\"2026/02/03,04:05:06+00,0\\\"\\r";
        assert!(rig.answer("AT+QLTS\r").contains(told), "{model}");
        assert!(rig.answer("AT+QLTS=2\r").contains(told), "{model}");
    }
}
