//! The files that the mixed load works on.

use std::{fmt::Write as _, fs, path::Path};

/// Units of the program that is built.
const UNITS: usize = 48;
/// Folders of the tree, and files in each.
const FOLDERS: usize = 40;
const FILES: usize = 40;
/// A pattern of sizes that has all from some hundred bytes to some thousand.
const LINES: usize = 160;

/// A program of some units with headers of their own and of the system, and what makes it.
pub(super) fn write_program(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let mut header = String::from("#ifndef UNITS_H\n#define UNITS_H\n");
    let mut main =
        String::from("#include <stdio.h>\n#include \"units.h\"\n\nint main(void)\n{\n\tlong sum = 0;\n");
    let mut objects = String::new();
    for unit in 0..UNITS {
        let name = format!("unit_{unit:03}");
        let _ = writeln!(header, "long {name}(long);");
        let _ = writeln!(main, "\tsum += {name}({unit});");
        let _ = write!(objects, " {name}.o");
        fs::write(folder.join(format!("{name}.c")), unit_source(&name, unit))?;
    }
    header.push_str("#endif\n");
    main.push_str("\tprintf(\"%ld\\n\", sum);\n\treturn 0;\n}\n");
    fs::write(folder.join("units.h"), header)?;
    fs::write(folder.join("main.c"), main)?;
    let makefile = format!(
        "OBJECTS = main.o{objects}\n\nprogram: $(OBJECTS)\n\t$(CC) -o $@ $(OBJECTS)\n\n$(OBJECTS): units.h\n\n\
         clean:\n\trm -f program $(OBJECTS)\n\n.PHONY: clean\n"
    );
    fs::write(folder.join("Makefile"), makefile)?;
    Ok(())
}

fn unit_source(name: &str, unit: usize) -> String {
    format!(
        "#include <stdlib.h>\n#include <string.h>\n#include \"units.h\"\n\nlong {name}(long x)\n{{\n\
         \tchar text[64];\n\tmemset(text, (int)x, sizeof text);\n\treturn labs(x * {unit} + text[3]);\n}}\n"
    )
}

/// Folders of text files of several sizes.
pub(super) fn write_tree(folder: &Path) -> anyhow::Result<()> {
    for directory in 0..FOLDERS {
        let inner = folder.join(format!("d{directory:02}"));
        fs::create_dir_all(&inner)?;
        for file in 0..FILES {
            let lines = 8 + (directory * 31 + file * 17) % LINES;
            let text: String = (0..lines).map(|line| format!("some text, needle {line}, {file}\n")).collect();
            fs::write(inner.join(format!("f{file:03}.txt")), text)?;
        }
    }
    Ok(())
}
