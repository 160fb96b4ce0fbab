//! So many durable commits of one 200-byte record to redb, for `device_bytes.py` to count. Says "ready", waits for a
//! line, commits, says "done", waits.

use redb::{Database, TableDefinition};

const RECORDS: TableDefinition<&str, &[u8]> = TableDefinition::new("records");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, path, commits] = args.as_slice() else { return Err("usage: redb-commits FILE COMMITS".into()) };
    let base = Database::create(path)?;
    let commit = |n: u64| -> Result<(), Box<dyn std::error::Error>> {
        let body: Vec<u8> = n.to_le_bytes().into_iter().cycle().take(184).collect();
        let write = base.begin_write()?;
        write.open_table(RECORDS)?.insert(format!("key-{}", n % 50).as_str(), body.as_slice())?;
        Ok(write.commit()?)
    };
    commit(0)?;
    wait("ready")?;
    for n in 0..commits.parse()? {
        commit(n)?;
    }
    wait("done")
}

fn wait(say: &str) -> Result<(), Box<dyn std::error::Error>> {
    println!("{say}");
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}
