-- Name of the stratum of a face or frame, by the columns listed in keys.
create macro stratum(keys, channel, month, size, confidence, answer) as concat_ws(
    ' · ',
    case when list_contains(keys, 'channel') then coalesce(channel, 'unknown') end,
    case when list_contains(keys, 'month') then coalesce(month, 'unknown') end,
    case when list_contains(keys, 'size') then size end,
    case when list_contains(keys, 'confidence') then confidence end,
    case when list_contains(keys, 'answer') then answer end
)
