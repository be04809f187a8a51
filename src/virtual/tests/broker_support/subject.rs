//! The brokers to judge: ours and, where it is installed, mosquitto.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use modemqtt_os::Moment;
use modemqtt_virtual::broker::{Broker, BrokerOptions};

/// A broker that runs for one test.
pub struct Subject {
    pub port: u16,
    _keeper: Keeper,
}

#[expect(dead_code, reason = "what ends the broker when it is dropped")]
enum Keeper {
    Ours(Broker),
    Mosquitto(Mosquitto),
}

impl Subject {
    pub fn ours() -> Self {
        let broker = Broker::start(BrokerOptions::default()).unwrap();
        Self {
            port: broker.port(),
            _keeper: Keeper::Ours(broker),
        }
    }

    /// `None`, and says why, where mosquitto is not installed.
    pub fn mosquitto() -> Option<Self> {
        let Some(program) = find_mosquitto() else {
            println!("skipped: mosquitto is not installed");
            return None;
        };
        // Between choosing the port and listening on it another process may take it.
        let mosquitto = (0..5).find_map(|_| Mosquitto::start(&program));
        let mosquitto = mosquitto.expect("mosquitto does not start");
        Some(Self {
            port: mosquitto.port,
            _keeper: Keeper::Mosquitto(mosquitto),
        })
    }
}

struct Mosquitto {
    port: u16,
    process: Child,
    config: PathBuf,
}

impl Mosquitto {
    fn start(program: &Path) -> Option<Self> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = probe.local_addr().unwrap().port();
        drop(probe);
        let name = format!("modemqtt-mosquitto-{}-{number}.conf", std::process::id());
        let config = std::env::temp_dir().join(name);
        let settings = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n");
        fs::write(&config, settings).unwrap();
        let process = Command::new(program)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut mosquitto = Self { port, process, config };
        mosquitto.is_listening().then_some(mosquitto)
    }

    fn is_listening(&mut self) -> bool {
        let start = Moment::now();
        while start.elapsed() < Duration::from_secs(10) {
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.config);
    }
}

fn find_mosquitto() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(usual)
        .map(|folder| folder.join("mosquitto"))
        .find(|program| program.is_file())
}
