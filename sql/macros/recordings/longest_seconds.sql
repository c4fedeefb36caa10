-- Longest time that a file of this size can show: a second in each 100 bytes, an hour for small files, and at most a
-- week (seconds); a week if the size is unknown. No broadcast is encoded at less than 800 bits a second.
create macro longest_seconds(source_bytes) as least(604800, 3600 + source_bytes / 100)
