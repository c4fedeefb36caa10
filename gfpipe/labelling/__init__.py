"""What people and other programs say of the recordings: labels of faces, speech; checked, then kept in the lake."""
