"""What will be done: study -> cells -> trials -> packs, content ids, cost; plain data, nothing heavy loaded."""
