//! amtool's config file: values of flags that the command line does not give.

use super::{Cx, Fault};
use crate::config::scalars;
use crate::limits::CONFIG_BYTES_MAX;
use crate::shell::files;

/// The files that are looked for, upstream's and Debian's; each that is there counts, the first one most.
const HOME_FILES: [&str; 2] = [".config/amtool/config.yml", ".config/prometheus/amtool.yml"];
const FILES: [&str; 2] = ["/etc/amtool/config.yml", "/etc/prometheus/amtool.yml"];

/// Takes what the files say of the flags that the subcommand has, and of no others.
pub(super) fn read_defaults(cx: &mut Cx<'_>) -> Result<(), Fault> {
    let home = cx.process.home.iter().flat_map(|home| HOME_FILES.map(|file| home.join(file)));
    for file in home.chain(FILES.map(Into::into)) {
        let Ok(content) = files::read_any(&file, CONFIG_BYTES_MAX) else { continue };
        let values = scalars(&content.bytes).map_err(|why| format!("{}: {why}", file.display()))?;
        for (key, value) in values {
            let flag = super::commands::COMMANDS
                .iter()
                .flat_map(super::commands::Command::flags)
                .find(|flag| flag.names().any(|name| name.strip_prefix("--") == Some(&*key)));
            if let Some(flag) = flag {
                cx.args.fall_back(flag.name(), value);
            }
        }
    }
    Ok(())
}
