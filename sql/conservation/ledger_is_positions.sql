-- The movements of the ledger add up to every position: on hand, open demand, reserved.
with

ledger as (
    select
        sku,
        location,
        on_hand_delta as on_hand,
        open_demand_delta as open_demand,
        reserved_delta as reserved
    from stock_movements
    union all
    select
        sku,
        location,
        -on_hand as on_hand,
        -open_demand as open_demand,
        -reserved as reserved
    from stock_positions
)

select
    sku,
    location,
    cast(sum(on_hand) as bigint) as on_hand_too_many,
    cast(sum(open_demand) as bigint) as open_demand_too_many,
    cast(sum(reserved) as bigint) as reserved_too_many
from ledger
group by sku, location
having sum(on_hand) <> 0 or sum(open_demand) <> 0 or sum(reserved) <> 0
order by sku, location
