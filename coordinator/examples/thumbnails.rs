//! A tiny web server that makes thumbnails in worker processes: whatever a picture does to the decoder, the server
//! goes on.
//!
//! `cargo run --example thumbnails -- jobs/photos`, then open `http://127.0.0.1:8080/coins.png`

use std::io::{BufRead, BufReader, Cursor, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use coordinator::{Pool, TaskError};

/// A PNG of at most 128 × 128 pixels.
fn thumbnail(path: PathBuf) -> Result<Vec<u8>, TaskError> {
    let bytes = std::fs::read(&path).map_err(|error| TaskError::new(error.to_string()))?;
    if bytes.starts_with(b"CRASH") {
        std::process::abort(); // A bug, such as libraries for pictures have had.
    }
    let picture = image::load_from_memory(&bytes).map_err(|error| TaskError::new(error.to_string()))?;
    let mut png = Cursor::new(Vec::new());
    let written = picture.thumbnail(128, 128).write_to(&mut png, image::ImageFormat::Png);
    written.map_err(|error| TaskError::new(error.to_string()))?;
    Ok(png.into_inner())
}

fn answer(mut client: TcpStream, pool: &Pool<PathBuf, Vec<u8>>, folder: &str) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(&client).read_line(&mut line)?;
    // Only names: no way leads out of the folder.
    let name = line.split(' ').nth(1).and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let result = pool.submit(PathBuf::from(folder).join(name)).and_then(|handle| handle.wait());
    let (status, kind, body) = match result {
        Ok(png) => ("200 OK", "image/png", png),
        Err(error) if error.is_task_error() => ("404 Not Found", "text/plain", error.to_string().into()),
        Err(error) => ("500 Internal Server Error", "text/plain", error.to_string().into()),
    };
    let length = body.len();
    write!(client, "HTTP/1.0 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n")?;
    client.write_all(&body)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    coordinator::worker().function(thumbnail).serve();

    let folder: &str = std::env::args().nth(1).unwrap_or_else(|| "jobs/photos".into()).leak();
    let port = std::env::args().nth(2).unwrap_or_else(|| "8080".into());
    let limit = Duration::from_secs(10);
    let pool = Pool::builder().workers(2).timeout(limit).retries(0).memory(1 << 30).function(thumbnail)?;
    let server = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("listening on {}", server.local_addr()?);
    for client in server.incoming().flatten() {
        let pool = pool.clone();
        std::thread::spawn(move || answer(client, &pool, folder));
    }
    Ok(())
}
