//! Every limit of the product, each with its policy: what happens when it is reached. The README's table says the same.

/// Payload of one gossip datagram. Policy: larger records travel in numbered parts. 1232 = IPv6's minimum MTU of 1280
/// less the IPv6 and UDP headers, so no datagram is ever fragmented.
pub const DATAGRAM_BYTES_MAX: usize = 1232;

// The room `config`.

/// Bytes of a configuration file. Policy: refuse the file; what runs goes on with the old one.
pub const CONFIG_BYTES_MAX: usize = 1024 * 1024;
/// Nesting of a YAML file. Policy: refuse the file. TOML's is bounded by its parser, at 80.
pub const CONFIG_DEPTH_MAX: usize = 64;
/// Values of a YAML file, an alias counted as all that it stands for. Policy: refuse the file.
pub const CONFIG_NODES_MAX: usize = 100_000;
/// Errors of a configuration that are told. Policy: the rest is counted. Of its warnings: the rest is dropped.
pub const CONFIG_PROBLEMS_MAX: usize = 100;
