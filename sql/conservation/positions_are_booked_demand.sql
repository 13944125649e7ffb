-- The open demand of every position is that of its booked lines.
with

owed as (
    select
        sku,
        location,
        open_quantity as pieces
    from line_demand
    union all
    select
        sku,
        location,
        -open_demand as pieces
    from stock_positions
)

select
    sku,
    location,
    cast(sum(pieces) as bigint) as lines_minus_position
from owed
group by sku, location
having sum(pieces) <> 0
order by sku, location
