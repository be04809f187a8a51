//! The line on a clock that the tests move.

use super::*;

/// The rates of slow, usual and fast modules.
const RATES: [u32; 3] = [9600, 115_200, 921_600];

fn quality(faults: &[&str]) -> Quality {
    let mut on = Faults::new(0);
    for fault in faults {
        on.insert(fault.parse().unwrap());
    }
    Quality::of(&on)
}

fn noisy(faults: &[&str], seed: u64) -> Line {
    let mut line = Line::new(1_000_000, None, seed, 0);
    line.set_quality(quality(faults));
    line
}

/// Everything that comes through, with when.
fn pieces(line: &mut Line, start: Moment) -> Vec<(Duration, Vec<u8>)> {
    let mut now = start;
    let mut pieces = Vec::new();
    loop {
        let due = line.due(now).to_vec();
        if !due.is_empty() {
            line.consume(due.len(), now);
            pieces.push((now - start, due));
        } else if let Some(due) = line.next_timeout() {
            assert!(due > now, "nothing is due although it should be");
            now = due;
        } else {
            return pieces;
        }
    }
}

fn passed(line: &mut Line, bytes: &[u8]) -> Vec<u8> {
    let now = Moment::now();
    line.push(bytes, now);
    pieces(line, now).into_iter().flat_map(|(_, piece)| piece).collect()
}

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn without_a_baud_rate_bytes_pass_at_once() {
    let now = Moment::now();
    let mut line = Line::new(100, None, 0, 0);
    line.push(b"abc", now);
    assert_eq!((line.due(now), line.next_timeout()), (&b"abc"[..], None));
    line.consume(2, now);
    assert_eq!(line.due(now), b"c");
}

#[test]
fn with_a_baud_rate_a_byte_takes_ten_bits_to_within_a_hundredth() {
    for rate in RATES {
        for seed in 0..20 {
            let now = Moment::now();
            let mut line = Line::new(10_000, Some(rate), seed, seed % 2);
            let count = u32::from(u16::try_from(5_000 + seed).unwrap());
            line.push(&vec![b'x'; count as usize], now);
            let pieces = pieces(&mut line, now);
            assert!(pieces.iter().all(|(_, piece)| (1..=16).contains(&piece.len())));
            let mut through = 0;
            for (at, piece) in &pieces {
                through += u32::try_from(piece.len()).unwrap();
                let expected = f64::from(through) * 10.0 / f64::from(rate);
                assert!(
                    (at.as_secs_f64() - expected).abs() <= expected * 0.0001,
                    "{rate}: {through} bytes after {at:?}"
                );
            }
            assert_eq!(through, count);
        }
    }
}

#[test]
fn bytes_that_are_sent_in_many_writes_take_as_long_as_in_one() {
    for rate in RATES {
        let start = Moment::now();
        let mut line = Line::new(10_000, Some(rate), 3, 0);
        // Faster than the line: each write before the former has left.
        for number in 0..100 {
            line.push(&[b'x'; 10], start + Duration::from_nanos(number));
        }
        let (last, _) = pieces(&mut line, start).pop().unwrap();
        let expected = 10_000.0 / f64::from(rate);
        assert!(
            (last.as_secs_f64() - expected).abs() <= expected * 0.0001,
            "{rate}: {last:?}"
        );
    }
}

#[test]
fn a_byte_that_comes_after_a_pause_takes_its_time_from_then() {
    let start = Moment::now();
    let mut line = Line::new(100, Some(9600), 0, 0);
    line.push(b"a", start);
    assert_eq!(pieces(&mut line, start).len(), 1);
    let later = start + Duration::from_secs(1);
    line.push(b"b", later);
    assert_eq!(line.due(later + Duration::from_micros(1041)), b"");
    assert_eq!(line.due(later + Duration::from_micros(1042)), b"b");
}

#[test]
fn a_receiver_that_is_late_finds_all_that_has_come_through() {
    let start = Moment::now();
    let mut line = Line::new(1000, Some(9600), 0, 0);
    line.push(&[b'x'; 960], start);
    assert_eq!(line.due(start + milliseconds(500)).len(), 480);
}

#[test]
fn what_finds_no_room_is_lost() {
    let now = Moment::now();
    let mut line = Line::new(4, None, 0, 0);
    line.push(b"abc", now);
    line.push(b"de", now);
    line.push(b"f", now);
    assert_eq!((line.due(now), line.room()), (&b"abcf"[..], 0));
    line.clear();
    assert_eq!((line.due(now), line.room()), (&b""[..], 4));
}

#[test]
fn line_lost() {
    let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let heard = passed(&mut noisy(&["line-lost=0.01"], 7), &all);
    assert!((98_700..99_300).contains(&heard.len()), "{}", heard.len());
    // What comes through is in its order.
    let mut sent = all.iter();
    assert!(heard.iter().all(|byte| sent.any(|other| other == byte)));
    assert_eq!(passed(&mut noisy(&["line-lost=1"], 7), b"abc"), b"");
}

#[test]
fn line_break() {
    let heard = passed(&mut noisy(&["line-break=0.01"], 7), &vec![0x55; 100_000]);
    assert_eq!(heard.len(), 100_000);
    let broken = heard
        .iter()
        .filter(|byte| **byte != 0x55)
        .inspect(|byte| assert_eq!(**byte, 0))
        .count();
    assert!((800..1200).contains(&broken), "{broken}");
}

#[test]
fn line_flipped() {
    let heard = passed(&mut noisy(&["line-flipped=0.01"], 7), &vec![0x55; 100_000]);
    assert_eq!(heard.len(), 100_000);
    let flipped: Vec<u8> = heard.iter().map(|byte| byte ^ 0x55).filter(|bits| *bits != 0).collect();
    assert!((800..1200).contains(&flipped.len()), "{}", flipped.len());
    assert!(flipped.iter().all(|bits| bits.is_power_of_two()));
    assert!((0..8).all(|bit| flipped.contains(&(1 << bit))));
}

#[test]
fn line_overrun() {
    let all: Vec<u8> = (0..=249).cycle().take(100_000).collect();
    let heard = passed(&mut noisy(&["line-overrun=0.001"], 7), &all);
    // Sixteen at a time, or more where one overrun follows another.
    let mut gaps = Vec::new();
    let mut expected = 0;
    for byte in &heard {
        let gap = (u32::from(*byte) + 250 - expected) % 250;
        if gap > 0 {
            gaps.push(gap);
        }
        expected = (u32::from(*byte) + 1) % 250;
    }
    assert!((70..130).contains(&gaps.len()), "{}", gaps.len());
    assert!(gaps.iter().all(|gap| gap % 16 == 0), "{gaps:?}");
}

#[test]
fn the_same_seed_makes_the_same_noise_however_the_bytes_are_split() {
    let faults = ["line-lost=0.05", "line-flipped=0.05", "line-overrun=0.01"];
    let all: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    let whole = passed(&mut noisy(&faults, 42), &all);
    let mut line = noisy(&faults, 42);
    let split: Vec<u8> = all.chunks(7).flat_map(|bytes| passed(&mut line, bytes)).collect();
    assert_eq!(whole, split);
    assert_ne!(whole, passed(&mut noisy(&faults, 43), &all));
}

#[test]
fn line_chunk() {
    let now = Moment::now();
    let mut line = noisy(&["line-chunk=3"], 0);
    line.push(b"abcdefgh", now);
    let pieces: Vec<_> = pieces(&mut line, now).into_iter().map(|(_, piece)| piece).collect();
    assert_eq!(pieces, [&b"abc"[..], b"def", b"gh"]);
}

#[test]
fn line_gap() {
    let now = Moment::now();
    let mut line = noisy(&["line-chunk=3", "line-gap=0.02"], 0);
    line.push(b"abcdefgh", now);
    let expected = [(0, &b"abc"[..]), (20, b"def"), (40, b"gh")];
    assert_eq!(
        pieces(&mut line, now),
        expected.map(|(at, piece)| (milliseconds(at), piece.to_vec()))
    );
    // A gap behind the last piece holds up what comes next, too.
    line.push(b"ij", now + milliseconds(41));
    assert_eq!(line.due(now + milliseconds(59)), b"");
    assert_eq!(line.due(now + milliseconds(60)), b"ij");
}

#[test]
fn a_piece_that_is_taken_in_parts_is_still_one() {
    let now = Moment::now();
    let mut line = noisy(&["line-chunk=3", "line-gap=0.02"], 0);
    line.push(b"abcdef", now);
    line.consume(1, now);
    assert_eq!(line.due(now), b"bc");
    line.consume(2, now);
    assert_eq!(
        (line.due(now), line.next_timeout()),
        (&b""[..], Some(now + milliseconds(20)))
    );
}

#[test]
fn latency() {
    let start = Moment::now();
    let mut line = noisy(&["latency=0.25"], 0);
    line.push(b"ab", start);
    line.push(b"c", start + milliseconds(100));
    let expected = [(250, &b"ab"[..]), (350, b"c")];
    assert_eq!(
        pieces(&mut line, start),
        expected.map(|(at, piece)| (milliseconds(at), piece.to_vec()))
    );
}

#[test]
fn latency_comes_to_the_time_of_the_wire_and_does_not_slow_it_down() {
    let start = Moment::now();
    let mut line = Line::new(1000, Some(9600), 0, 0);
    line.set_quality(quality(&["latency=0.25"]));
    line.push(&[b'x'; 480], start);
    line.push(&[b'x'; 480], start + milliseconds(500));
    let (last, _) = pieces(&mut line, start).pop().unwrap();
    assert!((last.as_secs_f64() - 1.25).abs() < 0.001, "{last:?}");
}

#[test]
fn a_line_that_is_healed_lets_go_of_what_it_kept() {
    let now = Moment::now();
    let mut line = noisy(&["line-chunk=1", "line-gap=3600"], 0);
    line.push(b"abc", now);
    line.consume(1, now);
    assert_eq!(line.due(now), b"");
    line.set_quality(quality(&[]));
    assert_eq!(line.due(now), b"bc");
}
