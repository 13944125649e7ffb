-- mart.stock_per_location_and_channel: stock per article, place and account. One row per sku, location and account.
with

offered as (
    select
        account,
        sku,
        count(*) as offers,
        max(available_quantity) as available_quantity,
        max(desired_quantity) as desired_quantity,
        max(confirmed_quantity) as confirmed_quantity,
        max(read_back_quantity) as read_back_quantity,
        min(case when confirmed_version >= desired_version then 1 else 0 end) as all_confirmed,
        min(confirmed_at) as confirmed_at
    from core.channel_stock
    group by account, sku
)

select
    stock_positions.sku,
    stock_positions.location,
    offered.account,
    products.name,
    offered.offers,
    stock_positions.on_hand,
    coalesce(stock_positions.reserved, 0) as reserved,
    stock_positions.open_demand,
    stock_positions.on_hand - stock_positions.open_demand - coalesce(stock_positions.reserved, 0) as available_here,
    offered.available_quantity,
    offered.desired_quantity,
    offered.confirmed_quantity,
    offered.read_back_quantity,
    offered.all_confirmed = 1 as is_confirmed,
    stock_positions.counted_at,
    offered.confirmed_at
from core.stock_positions
inner join core.stock_locations on stock_positions.location = stock_locations.location and stock_locations.is_serving
inner join offered on stock_positions.sku = offered.sku and stock_locations.account = offered.account
left join core.products on stock_positions.sku = products.sku
