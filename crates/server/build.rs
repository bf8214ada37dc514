//! Makes sure that the folder of the built console exists, so that a checkout without Node
//! compiles; what is in it is embedded.

use std::path::Path;

fn main() {
    let dist = Path::new("../../console/dist");
    std::fs::create_dir_all(dist).expect("console/dist can be made inside the checkout");
    println!("cargo:rerun-if-changed=../../console/dist");
}
