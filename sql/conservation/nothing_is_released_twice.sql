-- A cart's pieces are held once and let go once: its movements add up to what it holds, to nothing once it has ended.
-- A movement names its cart in its cause: 'reservation ID'.
with

moved as (
    select
        substr(cause, 13) as reservation_id,
        sku,
        location,
        reserved_delta as pieces
    from stock_movements
    where reserved_delta <> 0
    union all
    select
        reservation_lines.reservation_id,
        reservation_lines.part_sku as sku,
        reservation_lines.location,
        -reservation_lines.quantity as pieces
    from reservation_lines
    inner join reservations on reservation_lines.reservation_id = reservations.reservation_id
    where reservations.state in ('live', 'confirmed')
)

select
    reservation_id,
    sku,
    location,
    cast(sum(pieces) as bigint) as moved_minus_held
from moved
group by reservation_id, sku, location
having sum(pieces) <> 0
order by reservation_id, sku, location
