-- mart.stock_per_channel: desired, sent, confirmed and read back stock. One row per account and offer_id.
select
    channel_stock.account,
    channel_stock.offer_id,
    channel_stock.sku,
    products.name,
    channel_stock.state,
    channel_stock.reason,
    channel_stock.available_quantity,
    channel_stock.desired_quantity,
    channel_stock.sent_quantity,
    channel_stock.confirmed_quantity,
    channel_stock.read_back_quantity,
    channel_stock.confirmed_version >= channel_stock.desired_version as is_confirmed,
    channel_stock.sent_at,
    channel_stock.confirmed_at,
    channel_stock.read_back_at
from core.channel_stock
left join core.products on channel_stock.sku = products.sku
