//! What Telnet makes of its input, however that is cut.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const OPTIONS: PortOptions = PortOptions {
    baud_rate: 115_200,
    flow_control: FlowControl::None,
};
/// `IAC SB COM-PORT-OPTION …`: 115200 bit/s, 8 data bits, no parity, 1 stop bit, no flow control, notices of CTS and
/// DSR (RFC 2217, 3).
const SETTINGS: &[u8] =
    b"\xff\xfa\x2c\x01\x00\x01\xc2\x00\xff\xf0\xff\xfa\x2c\x02\x08\xff\xf0\xff\xfa\x2c\x03\x01\xff\xf0\
                          \xff\xfa\x2c\x04\x01\xff\xf0\xff\xfa\x2c\x05\x01\xff\xf0\xff\xfa\x2c\x0b\x30\xff\xf0";

/// A connection whose opening has been sent.
fn opened() -> Telnet {
    let mut telnet = Telnet::new(&OPTIONS);
    telnet.take_replies();
    telnet
}

fn decoded(telnet: &mut Telnet, bytes: &[u8]) -> Vec<u8> {
    let mut data = bytes.to_vec();
    let length = telnet.decode(&mut data);
    data.truncate(length);
    data
}

fn encoded(telnet: &Telnet, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    telnet.encode(data, &mut out);
    out
}

#[test]
fn the_opening_asks_for_a_binary_link_and_sets_the_line() {
    let mut telnet = Telnet::new(&OPTIONS);
    let opening = b"\xff\xfb\x00\xff\xfd\x00\xff\xfb\x03\xff\xfd\x03\xff\xfb\x2c";
    assert_eq!(telnet.take_replies(), [opening, SETTINGS].concat());
    assert!(!telnet.has_replies());
}

#[test]
fn a_setting_with_an_iac_in_it_is_doubled() {
    let options = PortOptions {
        baud_rate: 0x01FF_00FF,
        flow_control: FlowControl::Hardware,
    };
    let settings = settings(&options);
    assert!(settings.starts_with(b"\xff\xfa\x2c\x01\x01\xff\xff\x00\xff\xff\xff\xf0"));
    assert!(settings.ends_with(b"\xff\xfa\x2c\x05\x03\xff\xf0\xff\xfa\x2c\x0b\x30\xff\xf0"));
}

#[test]
fn the_line_is_set_again_once_the_server_has_agreed_and_only_then() {
    let mut telnet = opened();
    assert_eq!(decoded(&mut telnet, b"\xff\xfd\x2c"), b"");
    assert_eq!(telnet.take_replies(), SETTINGS);
    decoded(&mut telnet, b"\xff\xfd\x2c\xff\xfd\x2c");
    assert_eq!(telnet.take_replies(), b"");
}

#[test]
fn an_answer_is_not_answered() {
    let mut telnet = opened();
    decoded(
        &mut telnet,
        b"\xff\xfd\x00\xff\xfb\x00\xff\xfd\x03\xff\xfb\x03\xff\xfe\x2c\xff\xfc\x2c",
    );
    assert!(!telnet.has_replies());
}

#[test]
fn an_unknown_option_is_refused_and_its_absence_does_not_matter() {
    let mut telnet = opened();
    assert_eq!(
        decoded(&mut telnet, b"a\xff\xfb\x01b\xff\xfd\x18c\xff\xfc\x01\xff\xfe\x18"),
        b"abc"
    );
    assert_eq!(telnet.take_replies(), b"\xff\xfe\x01\xff\xfc\x18");
}

#[test]
fn an_option_that_is_taken_back_is_given_up_once() {
    let mut telnet = opened();
    decoded(&mut telnet, b"\xff\xfd\x03\xff\xfe\x03\xff\xfe\x03");
    assert_eq!(telnet.take_replies(), b"\xff\xfc\x03");
    decoded(&mut telnet, b"\xff\xfd\x03\xff\xfd\x03");
    assert_eq!(telnet.take_replies(), b"\xff\xfb\x03");
}

/// Two ends with the same rules both ask: they agree and fall silent.
#[test]
fn two_ends_that_both_ask_agree_and_fall_silent() {
    let (mut one, mut other) = (Telnet::new(&OPTIONS), Telnet::new(&OPTIONS));
    let mut rounds = 0;
    while one.has_replies() || other.has_replies() {
        assert!(rounds < 4, "they go on");
        rounds += 1;
        let (from_one, from_other) = (one.take_replies(), other.take_replies());
        assert_eq!(decoded(&mut one, &from_other), b"");
        assert_eq!(decoded(&mut other, &from_one), b"");
    }
    for end in [one, other] {
        assert!(
            end.options
                .iter()
                .all(|option| option.ours == Side::On && option.theirs == Side::On)
        );
    }
}

#[test]
fn data_is_exact_before_and_after_the_server_has_agreed() {
    let all: Vec<u8> = (0..=255).chain(*b"\r\0\r\n\xff\xff\r").collect();
    for agreed in [&b""[..], b"\xff\xfd\x00\xff\xfb\x00"] {
        let mut telnet = opened();
        decoded(&mut telnet, agreed);
        let sent = encoded(&telnet, &all);
        assert_eq!(sent.len(), all.len() + 3);
        assert_eq!(decoded(&mut telnet, &sent), all);
    }
}

#[test]
fn a_server_that_refuses_a_binary_link_is_sent_nul_after_cr_and_believed_to_do_the_same() {
    let mut telnet = opened();
    decoded(&mut telnet, b"\xff\xfe\x00\xff\xfc\x00");
    assert!(!telnet.has_replies());
    assert_eq!(encoded(&telnet, b"AT\r\0\n\xff"), b"AT\r\0\0\n\xff\xff");
    assert_eq!(
        decoded(&mut telnet, b"\r\nOK\r\n\0\r\0\0\r\0\n"),
        b"\r\nOK\r\n\0\r\0\r\n"
    );
}

#[test]
fn commands_without_an_option_are_skipped() {
    let mut telnet = opened();
    assert_eq!(decoded(&mut telnet, b"O\xff\xf1K\xff\xf9\xff\xf0!"), b"OK!");
    assert!(!telnet.has_replies());
}

#[test]
fn the_server_can_have_us_pause() {
    let mut telnet = opened();
    assert_eq!(decoded(&mut telnet, b"O\xff\xfa\x2c\x6c\xff\xf0K"), b"OK");
    assert!(telnet.suspended());
    decoded(&mut telnet, b"\xff\xfa\x2c\x6d\xff\xf0");
    assert!(!telnet.suspended());
}

#[test]
fn the_lines_of_a_remote_port_are_set_and_read_once_the_server_has_agreed() {
    let mut telnet = opened();
    let lines = Arc::clone(telnet.lines());
    assert_eq!((lines.set(Line::Dtr, false), lines.module()), (None, None));
    decoded(&mut telnet, b"\xff\xfd\x2c");
    telnet.take_replies();
    assert_eq!(lines.module(), Some((false, false)));
    decoded(&mut telnet, b"\xff\xfa\x2c\x6b\x20\xff\xf0");
    assert_eq!(lines.module(), Some((false, true)));
    decoded(&mut telnet, b"\xff\xfa\x2c\x6b\x30\xff\xf0");
    assert_eq!(lines.module(), Some((true, true)));
    lines.set(Line::Dtr, false);
    lines.set(Line::Rts, true);
    let sent = b"\xff\xfa\x2c\x05\x09\xff\xf0\xff\xfa\x2c\x05\x0b\xff\xf0";
    assert_eq!(telnet.take_replies(), sent);
    assert_eq!(telnet.take_replies(), b"");
    decoded(&mut telnet, b"\xff\xfe\x2c");
    assert_eq!(lines.set(Line::Dtr, true), None);
}

#[test]
fn answers_to_settings_and_unknown_subnegotiations_are_not_data() {
    let mut telnet = opened();
    let answers = b"O\xff\xfa\x2c\x65\x00\x01\xff\xff\x00\xff\xf0K\xff\xfa\x18\x01\xff\xf0!";
    assert_eq!(decoded(&mut telnet, answers), b"OK!");
    assert!(!telnet.has_replies());
}

#[test]
fn a_subnegotiation_cut_short_by_a_command_ends_there() {
    let mut telnet = opened();
    assert_eq!(decoded(&mut telnet, b"\xff\xfa\x2c\x65\xff\xfb\x01OK"), b"OK");
    assert_eq!(telnet.take_replies(), b"\xff\xfe\x01");
}

#[test]
fn a_server_that_floods_is_not_answered_without_end() {
    let mut telnet = opened();
    decoded(&mut telnet, &b"\xff\xfb\x01".repeat(100_000));
    decoded(&mut telnet, b"\xff\xfa");
    decoded(&mut telnet, &vec![7; 1_000_000]);
    assert!(telnet.replies.len() <= REPLIES);
    assert!(telnet.replies.capacity() <= 2 * REPLIES);
    assert!(telnet.subnegotiation.len() <= SUBNEGOTIATION);
}

/// Bytes with frequent occurrences of those that mean something.
fn telnet_bytes() -> impl Strategy<Value = Vec<u8>> {
    let special = prop::sample::select(vec![
        IAC, DONT, DO, WONT, WILL, SB, SE, BINARY, COM_PORT, b'\r', 0, 108, 109,
    ]);
    vec(prop_oneof![3 => special, 1 => any::<u8>()], 0..200)
}

proptest! {
    #[test]
    fn any_split_gives_the_same(bytes in telnet_bytes(), cuts in vec(1_usize..20, 1..50)) {
        let mut whole = opened();
        let expected = (decoded(&mut whole, &bytes), whole.take_replies(), whole.suspended());
        let mut parts = opened();
        let (mut data, mut replies, mut rest) = (Vec::new(), Vec::new(), &bytes[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            data.extend(decoded(&mut parts, now));
            replies.extend(parts.take_replies());
            rest = later;
        }
        prop_assert_eq!((data, replies, parts.suspended()), expected);
    }

    #[test]
    fn any_data_arrives_as_it_was_sent_whatever_was_agreed(
        negotiation in telnet_bytes(),
        data in vec(prop_oneof![prop::sample::select(vec![IAC, b'\r', 0, b'\n']), any::<u8>()], 0..200),
    ) {
        let mut sender = opened();
        decoded(&mut sender, &negotiation);
        let mut receiver = opened();
        if sender.option(BINARY).is_some_and(|option| option.ours == Side::Off) {
            decoded(&mut receiver, &[IAC, WONT, BINARY]);
        }
        prop_assert_eq!(decoded(&mut receiver, &encoded(&sender, &data)), data);
        prop_assert!(!receiver.has_replies());
    }
}
