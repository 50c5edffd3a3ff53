"""A report on campaigns: what it holds, its charts, and its page. It reads and writes nothing itself."""
