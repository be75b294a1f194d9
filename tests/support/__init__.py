"""What tests share: engines and servers to try, doubles of what stands outside, sample files."""
