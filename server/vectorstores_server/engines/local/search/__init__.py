"""Search: which revisions are asked, how passages are ranked, and the citation of each hit."""
