-- mart.stock: stock per article and location. One row per sku and location.
select
    stock_positions.sku,
    stock_positions.location,
    products.name,
    products.supplier,
    stock_positions.on_hand,
    stock_positions.open_demand,
    coalesce(stock_positions.reserved, 0) as reserved,
    stock_positions.on_hand - stock_positions.open_demand - coalesce(stock_positions.reserved, 0) as available,
    stock_positions.counted_quantity,
    products.cost,
    stock_positions.counted_at,
    stock_positions.updated_at
from core.stock_positions
left join core.products on stock_positions.sku = products.sku
