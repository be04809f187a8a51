use super::*;

fn host(pty: &Pty) -> fs::File {
    fs::OpenOptions::new().read(true).write(true).open(&pty.path).unwrap()
}

/// One that a host has just left, and when; `None` where the system does not tell.
fn deserted() -> Option<(Pty, Moment)> {
    let (mut pty, now) = (Pty::open().unwrap(), Moment::now());
    pty.hosts.descriptor()?;
    drop(host(&pty));
    assert!(pty.attend(now) && !pty.hosts.are_there());
    Some((pty, now))
}

#[test]
fn a_host_that_comes_in_the_moment_in_which_another_is_found_gone_is_found_a_little_later() {
    let Some((mut pty, now)) = deserted() else { return };
    let listens = host(&pty);
    // That it has come was taken for the module's own opening.
    pty.hosts.forget();
    let mut looks = Vec::new();
    while let Some(at) = pty.hosts.next_look() {
        assert!(!pty.attend(at));
        looks.push(at - now);
    }
    assert_eq!(looks, [Duration::from_millis(20)]);
    assert!(pty.hosts.are_there());
    drop(listens);
    assert!(pty.attend(now) && !pty.hosts.are_there());
}

#[test]
fn where_nobody_comes_the_module_looks_three_times_and_then_waits() {
    let Some((mut pty, _)) = deserted() else { return };
    let mut looks = 0;
    while let Some(at) = pty.hosts.next_look() {
        assert!(!pty.attend(at) && !pty.hosts.are_there());
        looks += 1;
    }
    assert_eq!(looks, 3);
}
