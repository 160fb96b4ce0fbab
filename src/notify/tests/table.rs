//! The table of receiver types, and the docs of each.

use super::*;

#[test]
fn the_table_is_consistent() {
    let globals: Vec<&Key> = TYPES.iter().flat_map(|it| it.schema.globals).collect();
    let names: BTreeSet<&str> = globals.iter().map(|key| key.name).collect();
    assert_eq!(names.len(), globals.len(), "a key of global belongs to one type");
    let mut sections = BTreeSet::new();
    for kind in TYPES {
        let schema = &kind.schema;
        assert!(sections.insert(schema.section), "{}", schema.section);
        assert_eq!(schema.section, format!("{}_configs", schema.name));
        let own: BTreeSet<&str> = schema.keys.iter().map(|key| key.name).collect();
        assert_eq!(own.len(), schema.keys.len(), "{}: a key twice", schema.name);
        for key in [schema.address, schema.body].iter().filter(|key| !key.is_empty()) {
            assert!(own.contains(key), "{}: {key}", schema.name);
        }
        for key in schema.keys.iter().filter(|key| !key.global.is_empty()) {
            let global = globals.iter().find(|it| it.name == key.global);
            let global = global.unwrap_or_else(|| panic!("{}: no {}", schema.name, key.global));
            let kind = std::mem::discriminant::<Takes>;
            let is_same = kind(&key.takes) == kind(&global.takes) || !schema.http;
            assert!(is_same, "{}: {}", schema.name, key.name);
        }
    }
    assert_eq!(SCHEMAS.len(), TYPES.len());
}

#[test]
fn every_example_of_the_docs_loads_and_every_receiver_has_one() {
    let docs = include_str!("../../../configs/README.md");
    let mut told = BTreeSet::new();
    for example in docs.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        let lines = example.trim_end().replace('\n', "\n  ");
        let text = format!("route: {{receiver: r}}\nreceivers:\n- name: r\n  {lines}\n");
        let loaded = testing::load(&text).unwrap_or_else(|errors| panic!("{example}{errors}"));
        told.extend(loaded.config.receivers[0].integrations.iter().map(Integration::name));
    }
    for kind in TYPES {
        assert!(told.contains(kind.schema.name), "{} has no example", kind.schema.name);
    }
}
