//! Any string that a program passes reaches the module as exactly one parameter, or nothing is sent.

#[path = "support/bench.rs"]
mod bench;

use bench::{Bench, CLIENT, OK};
use modemqtt_at::Qos;
use modemqtt_at::dialect::DataPhase;
use modemqtt_host::call::{Alibaba, Call, OneNet, Options, Secret, Tencent, Will};
use modemqtt_host::error::Error;
use proptest::collection::vec;
use proptest::prelude::*;

const MODELS: [&str; 5] = ["M95", "BC35-G", "BC660K-GL", "EG915Q", "BG95"];
const FORMS: [Option<DataPhase>; 5] = [
    None,
    Some(DataPhase::Counted),
    Some(DataPhase::UntilCtrlZ),
    Some(DataPhase::Inline),
    Some(DataPhase::Quoted),
];

/// Text that a program might have, and text that an attacker would choose.
fn text() -> impl Strategy<Value = String> {
    let acting = "[\r\n\"\\\\,;=?+&AT0\u{0}\u{8}\u{1a}\u{1b}\u{7f}>#/ é]{0,12}";
    prop_oneof![
        4 => "[a-z0-9/._ -]{1,20}",
        2 => acting,
        1 => Just("x\",1883\rAT+QPOWD=1\r".to_owned()),
        1 => Just("\";+CFUN=0;+CSQ=\"".to_owned()),
        1 => any::<String>(),
    ]
}

/// A call, and its strings in the order of the command line.
fn call() -> impl Strategy<Value = (Call, Vec<String>)> {
    let client = CLIENT;
    prop_oneof![
        text().prop_map(move |host| {
            let call = Call::Open {
                client,
                host: host.clone(),
                port: 1883,
            };
            (call, vec![host])
        }),
        (text(), proptest::option::of((text(), proptest::option::of(text())))).prop_map(move |(client_id, login)| {
            let (username, password) = login.map_or((None, None), |(user, password)| (Some(user), password));
            let strings = [Some(client_id.clone()), username.clone(), password.clone()];
            let call = Call::connect(client, client_id, username, password.map(Secret));
            (call, strings.into_iter().flatten().collect())
        }),
        vec(text(), 1..4).prop_map(move |topics| {
            let call = Call::Subscribe {
                client,
                topics: topics.iter().map(|topic| (topic.clone(), Qos::AtLeastOnce)).collect(),
            };
            (call, topics)
        }),
        vec(text(), 1..4).prop_map(move |topics| {
            let call = Call::Unsubscribe {
                client,
                topics: topics.clone(),
            };
            (call, topics)
        }),
        (text(), text()).prop_map(move |(topic, payload)| {
            let will = Will {
                topic: topic.clone(),
                payload: payload.clone().into_bytes(),
                qos: Qos::AtMostOnce,
                retain: false,
            };
            let options = Options {
                will: Some(Some(will)),
                ..Options::default()
            };
            (Call::Configure { client, options }, vec![topic, payload])
        }),
        (text(), text(), text()).prop_map(move |(product_key, device_name, secret)| {
            let strings = vec![product_key.clone(), device_name.clone(), secret.clone()];
            let options = Options {
                alibaba: Some(Alibaba {
                    product_key,
                    device_name,
                    device_secret: Secret(secret),
                }),
                ..Options::default()
            };
            (Call::Configure { client, options }, strings)
        }),
        (text(), text()).prop_map(move |(product_id, access_key)| {
            let strings = vec![product_id.clone(), access_key.clone()];
            let options = Options {
                onenet: Some(OneNet {
                    product_id,
                    access_key: Secret(access_key),
                }),
                ..Options::default()
            };
            (Call::Configure { client, options }, strings)
        }),
        (text(), text(), text(), text(), text()).prop_map(|(product_id, device_name, client_id, secret, url)| {
            let strings = [&product_id, &device_name, &client_id, &secret, &url]
                .map(Clone::clone)
                .into();
            let device = Tencent {
                product_id,
                device_name,
                client_id,
                device_secret: Secret(secret),
                expire: Some(60),
                url: Some(url),
            };
            (Call::token(device), strings)
        }),
    ]
}

/// The line with the strings, which is the last one sent if everything before it is accepted, and the data sent after
/// its prompt.
fn sent(bench: &mut Bench, form: Option<DataPhase>) -> (Vec<u8>, Vec<u8>) {
    let in_line = matches!(form, Some(DataPhase::Inline | DataPhase::Quoted));
    let mut line = Vec::new();
    for _ in 0..10 {
        let next = bench.sent_bytes();
        if next.is_empty() {
            break;
        }
        line = next;
        // No other line has data, and a prompt after another line would belong to an earlier command.
        let asks = [&b"+QMTPUB"[..], b"\"willex\""];
        if !in_line
            && asks
                .iter()
                .any(|name| line.windows(name.len()).any(|window| window == *name))
        {
            bench.feed(b"\r\n> ");
        }
        let data = bench.sent_bytes();
        if !data.is_empty() {
            return (line, data);
        }
        bench.feed(OK);
    }
    (line, Vec::new())
}

/// The strings in quotes, by V.250 section 5.4.2.2; `None` if the line is more than one command.
fn strings(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut strings = Vec::new();
    let mut open: Option<Vec<u8>> = None;
    for &byte in line {
        match (&mut open, byte) {
            (Some(_), b'"') => strings.extend(open.take()),
            (Some(text), byte) => text.push(byte),
            (None, b'"') => open = Some(Vec::new()),
            (None, b';') => return None,
            (None, _) => {}
        }
    }
    open.is_none().then_some(strings)
}

fn is_one_line(bytes: &[u8]) -> bool {
    let Some((b'\r', line)) = bytes.split_last() else {
        return false;
    };
    line.starts_with(b"AT") && line.iter().all(|byte| !byte.is_ascii_control())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_string_is_one_parameter_or_nothing_is_sent((call, given) in call(), model in 0..MODELS.len()) {
        let mut bench = Bench::set_up(MODELS[model]);
        let ticket = bench.submit(call);
        let (line, data) = sent(&mut bench, None);
        if line.is_empty() {
            prop_assert!(matches!(bench.ended(ticket), Some(Err(Error::Usage(_)))));
            return Ok(());
        }
        prop_assert!(is_one_line(&line), "{}", line.escape_ascii());
        let found = strings(&line);
        let Some(found) = found else {
            return Err(TestCaseError::fail(line.escape_ascii().to_string()));
        };
        // A will that cannot be quoted is sent after a prompt; the key of a setting is the first string of its line.
        let found: Vec<_> = found.into_iter().chain((!data.is_empty()).then_some(data)).collect();
        let given: Vec<_> = given.into_iter().map(String::into_bytes).collect();
        prop_assert!(found.ends_with(&given), "{}", line.escape_ascii());
        prop_assert!(found.len() - given.len() <= 1, "{}", line.escape_ascii());
    }

    #[test]
    fn a_payload_is_sent_as_it_is_or_not_at_all(
        topic in text(),
        payload in prop_oneof![vec(any::<u8>(), 0..80), text().prop_map(String::into_bytes)],
        form in 0..FORMS.len(),
        model in 0..MODELS.len(),
    ) {
        let mut bench = Bench::connected(MODELS[model]);
        let call = Call::Publish {
            client: CLIENT,
            topic: topic.clone(),
            payload: payload.clone(),
            qos: Qos::AtLeastOnce,
            retain: false,
            form: FORMS[form],
        };
        let ticket = bench.submit(call);
        let (line, data) = sent(&mut bench, FORMS[form]);
        if line.is_empty() {
            prop_assert!(matches!(bench.ended(ticket), Some(Err(Error::Usage(_)))));
            return Ok(());
        }
        prop_assert!(is_one_line(&line), "{}", line.escape_ascii());
        let head = [&b"=0,1,1,0,\""[..], topic.as_bytes(), b"\""].concat();
        let Some(at) = line.windows(head.len()).position(|window| window == head) else {
            return Err(TestCaseError::fail(line.escape_ascii().to_string()));
        };
        let tail = &line[at + head.len()..line.len() - 1];
        let counted = format!(",{}", payload.len()).into_bytes();
        let quoted = [&b",\""[..], &payload, b"\""].concat();
        if tail.is_empty() {
            // Only the last byte ends the data phase.
            prop_assert_eq!(data, [payload.as_slice(), b"\x1a"].concat());
            prop_assert!(!payload.contains(&0x1a) && !payload.contains(&0x1b));
        } else if tail == counted {
            prop_assert_eq!(data, payload);
        } else if tail == quoted {
            prop_assert!(!payload.contains(&b'"'));
        } else {
            prop_assert_eq!(tail, [counted, quoted].concat());
        }
    }

    #[test]
    fn a_command_line_of_ones_own_is_one_line(line in prop_oneof![text(), text().prop_map(|text| format!("AT{text}"))]) {
        let mut bench = Bench::set_up("M95");
        let ticket = bench.submit(Call::command(line.clone()));
        let sent = bench.sent_bytes();
        if sent.is_empty() {
            prop_assert!(matches!(bench.ended(ticket), Some(Err(Error::Usage(_)))));
        } else {
            prop_assert!(is_one_line(&sent.to_ascii_uppercase()), "{}", sent.escape_ascii());
            prop_assert_eq!(sent, [line.trim_end_matches('\r').as_bytes(), b"\r"].concat());
        }
    }
}
