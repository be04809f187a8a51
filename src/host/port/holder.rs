//! Who holds a busy device, where the system tells.

/// The process that has the device open, as in `minicom (process 4711)`.
#[cfg(target_os = "linux")]
pub(super) fn of(path: &str) -> Option<String> {
    let device = std::fs::canonicalize(path).ok()?;
    let processes = std::fs::read_dir("/proc").ok()?;
    for process in processes.flatten() {
        let Some(id) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // Descriptors of another user's process cannot be read: it stays unnamed.
        let Ok(descriptors) = std::fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let holds = descriptors
            .flatten()
            .any(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == device));
        if holds {
            if id == std::process::id() {
                return Some("this process".to_owned());
            }
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {id})", name.trim_end()));
        }
    }
    None
}

/// Other systems do not tell without a program of their own.
#[cfg(not(target_os = "linux"))]
pub(super) fn of(_path: &str) -> Option<String> {
    None
}
