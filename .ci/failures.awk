# What failed, from the output of `cargo test`: each test's name and the first lines of why. `make test` prints it last, where who sees only the
# end of a long log finds it.

# The lines of a message that are shown, and what is shown of one.
BEGIN { most_lines = 6; most_bytes = 300 }

/^---- .* stdout ----$/ { name = $2; left = 0; next }
name != "" && / panicked at / { print "failed: " name; print "  " substr($0, 1, most_bytes); left = most_lines; next }
/^(stack backtrace:|note: |failures:)/ { left = 0 }
left > 0 && NF > 0 { print "  " substr($0, 1, most_bytes); left-- }
