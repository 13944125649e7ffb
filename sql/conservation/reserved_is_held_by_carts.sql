-- The reserved pieces of every position are those of live and confirmed carts.
with

held as (
    select
        reservation_lines.part_sku as sku,
        reservation_lines.location,
        reservation_lines.quantity as pieces
    from reservation_lines
    inner join reservations on reservation_lines.reservation_id = reservations.reservation_id
    where reservations.state in ('live', 'confirmed')
    union all
    select
        sku,
        location,
        -reserved as pieces
    from stock_positions
)

select
    sku,
    location,
    cast(sum(pieces) as bigint) as carts_minus_position
from held
group by sku, location
having sum(pieces) <> 0
order by sku, location
