use super::*;

fn found(lines: &[(bool, &str)]) -> Vec<(Kind, String)> {
    let mut finder = Finder::default();
    let mut found = Vec::new();
    for (sent, line) in lines {
        let mut places = Vec::new();
        finder.line(*sent, line.as_bytes(), &mut places);
        for (place, mark) in places {
            let kind = match mark {
                Mark::Value(kind) => kind,
                Mark::MessageId(_) => Kind::Invented,
                Mark::Secret | Mark::Credential => Kind::Secret,
            };
            let entry = (kind, line[place].to_owned());
            if !found.contains(&entry) {
                found.push(entry);
            }
        }
    }
    found
}

#[test]
fn identities_are_found_where_the_notes_have_them() {
    for (lines, kind, value) in [
        (
            &[(true, "AT+GSN"), (false, "866425031234560")][..],
            Kind::Imei,
            "866425031234560",
        ),
        (
            &[(true, "AT+CGSN=1"), (false, "+CGSN: 866425031234560")],
            Kind::Imei,
            "866425031234560",
        ),
        (
            &[(true, "AT+CIMI"), (false, "262011234567890")],
            Kind::Imsi,
            "262011234567890",
        ),
        (
            &[(true, "AT+QCCID"), (false, "+QCCID: 8949020000123456789F")],
            Kind::Iccid,
            "8949020000123456789F",
        ),
        (
            &[(true, "AT+CCID"), (false, "8949020000123456789F")],
            Kind::Iccid,
            "8949020000123456789F",
        ),
        (
            &[(false, "+CNUM: ,\"+491701234567\",145")],
            Kind::Phone,
            "+491701234567",
        ),
        (
            &[(
                false,
                "+CMGR: \"REC READ\",\"+491701234567\",\"\",\"24/01/01,12:00:00+04\"",
            )],
            Kind::Phone,
            "+491701234567",
        ),
        (&[(true, "AT+CMGS=\"+491701234567\"")], Kind::Phone, "+491701234567"),
        (&[(true, "ATD+491701234567;")], Kind::Phone, "491701234567"),
        (
            &[(false, "+CLIP: \"002B0034003900310037\",145")],
            Kind::Phone,
            "002B0034003900310037",
        ),
        (&[(false, "+CGPADDR: 1,\"10.23.145.7\"")], Kind::Address, "10.23.145.7"),
        (&[(false, "+CGPADDR: 1,10.23.145.7")], Kind::Address, "10.23.145.7"),
        (
            &[(false, "+QIACT: 1,1,1,\"10.23.145.7\"")],
            Kind::Address,
            "10.23.145.7",
        ),
        (
            &[(false, "+CGPADDR: 1,\"2001:db8::4a1\"")],
            Kind::Address,
            "2001:db8::4a1",
        ),
        (
            &[(true, "AT+QILOCIP"), (false, "10.23.145.7")],
            Kind::Address,
            "10.23.145.7",
        ),
        (
            &[(false, "{\"imei\":\"490154203237518\"}")],
            Kind::Imei,
            "490154203237518",
        ),
        (
            &[(false, "+CMGR: 1,,26"), (false, "07917283010010F5040BC87238880900F1")],
            Kind::Phone,
            "07917283010010F5040BC87238880900F1",
        ),
    ] {
        assert_eq!(found(lines), [(kind, value.to_owned())], "{lines:?}");
    }
}

#[test]
fn the_names_are_in_order_so_that_each_is_found() {
    assert!(NAMES.is_sorted_by(|one, next| one.0 < next.0));
    for (name, _) in NAMES {
        let mut names = Vec::new();
        find_names(format!("AT+CSQ;+{}=1", name.to_lowercase()).as_bytes(), &mut names);
        assert!(names[1].0.0 != 0 && names[0].0.0 == 0, "{name}");
    }
}

#[test]
fn a_row_of_digits_is_found_wherever_it_stands() {
    for length in 14..17 {
        for before in 0..40 {
            for text in ["x", "1x"] {
                let line = text.repeat(before) + &"7".repeat(length) + &text.repeat(20);
                let digits = line.split('x').any(|run| run.len() >= 15);
                assert_eq!(has_run(line.as_bytes()), digits, "{line}");
            }
        }
    }
    assert!(!has_run(b""));
}

#[test]
fn what_is_no_identity_stays() {
    for line in [
        "AT+QMTOPEN=0,\"192.0.2.7\",1883",
        "+CSQ: 20,99",
        "+QMTRECV: 0,1,\"t\",1700000000123456",
        "+CGPADDR: 1,0.0.0.0",
        "AT+CMGF=1",
        "+QMTPUB: 0,0,0",
    ] {
        assert_eq!(found(&[(line.starts_with("AT"), line)]), [], "{line}");
    }
}

#[test]
fn a_credential_is_a_secret_from_its_first_line_to_its_last() {
    let lines = [
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEpAIBAAKCAQEA",
        "-----END RSA PRIVATE KEY-----",
        "OK",
    ];
    let found = found(&lines.map(|line| (true, line)));
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn what_only_looks_like_a_credential_takes_nothing_with_it() {
    for line in [
        "+QMTRECV: 0,0,\"t\",\"-----BEGIN of transmission\"",
        "AT+X=\"-----BEGIN y\"",
        "-----BEGIN -----x",
    ] {
        assert_eq!(found(&[(false, line), (false, "OK")]), [], "{line}");
    }
    let body = "A".repeat(64);
    for (lines, secrets) in [
        (&["-----BEGIN X-----", "+CSQ: 20,99", "OK"][..], 1),
        (&["-----BEGIN X-----", &body, "QUJD", "OK"], 3),
        (&["-----BEGIN X-----", "QUJD", &body, "OK"], 2),
        (
            &["-----BEGIN X-----", "Proc-Type: 4,ENCRYPTED", &body, "-----END X-----"],
            4,
        ),
    ] {
        let lines: Vec<_> = lines.iter().map(|line| (false, *line)).collect();
        assert_eq!(found(&lines).len(), secrets, "{lines:?}");
    }
    let endless: Vec<_> = (0..300).map(|number| format!("{number:064}")).collect();
    let mut lines = vec![(false, "-----BEGIN X-----")];
    lines.extend(endless.iter().map(|line| (false, line.as_str())));
    assert_eq!(found(&lines).len(), 201);
}

#[test]
fn message_ids_are_what_stands_behind_the_client() {
    let lines = [
        (true, "AT+QMTPUB=0,7,1,0,\"t\",4"),
        (false, "+QMTPUB: 0,7,0"),
        (true, "AT+QMTSUB=1,8,\"a\",1"),
    ];
    assert_eq!(
        found(&lines),
        [(Kind::Invented, "7".to_owned()), (Kind::Invented, "8".to_owned())]
    );
}

#[test]
fn a_line_that_begins_as_one_without_anything_is_searched_for_what_else_it_has() {
    let message = "+QMTRECV: 0,0,\"t\",\"x\"";
    for line in [
        "+QMTRECV: 0,0,\"t\",\"8949020000123456789\"",
        "+QMTRECV: 0,0,\"t\";+CPIN=1234",
        "+QMTRECV: 0,0,\"t\",+CNUM: ,\"+491701234567\",145",
        "+QMTRECV: 0,0,\"t\",\"-----BEGIN PRIVATE KEY-----",
        "+QMTRECVX: 0,0;+CPIN=\"1234\"",
        "+CPIN=\"1234\"",
        "AT+CPIN=\"1234\"",
    ] {
        let alone = found(&[(false, line)]);
        assert_ne!(alone, [], "{line}");
        assert_eq!(found(&[(false, message), (false, line)]), alone, "{line}");
    }
    // Which parameter of these is a secret depends on the first.
    let settings = [
        "+QMTCFG: \"version\",0,4",
        "+QMTCFG: \"aliauth\",\"key\",\"device\",\"secret\"",
    ];
    assert_eq!(
        found(&settings.map(|line| (false, line))),
        [(Kind::Secret, "secret".to_owned())]
    );
}
