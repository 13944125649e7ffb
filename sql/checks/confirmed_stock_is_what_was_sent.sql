-- core.channel_stock: What a channel confirmed is what was sent, and what was sent is confirmed within an hour.
select
    channel_stock.account,
    channel_stock.offer_id,
    channel_stock.sku,
    channel_stock.state,
    channel_stock.sent_quantity,
    channel_stock.sent_version,
    channel_stock.confirmed_quantity,
    channel_stock.confirmed_version,
    channel_stock.sent_at
from core.channel_stock
inner join core.load_state on load_state.stream = 'channel_stock'
where
    channel_stock.confirmed_version > channel_stock.sent_version
    or (
        channel_stock.confirmed_version = channel_stock.sent_version
        and channel_stock.confirmed_quantity is distinct from channel_stock.sent_quantity
    )
    or (
        channel_stock.confirmed_version < channel_stock.sent_version
        and channel_stock.sent_at < load_state.loaded_at - interval '1 hour'
    )
