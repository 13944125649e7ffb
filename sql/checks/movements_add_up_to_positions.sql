-- core.stock_positions: The movements of the ledger add up to the position of every article at every location.
with

ledger as (
    select
        sku,
        location,
        on_hand_delta as on_hand,
        open_demand_delta as open_demand,
        coalesce(reserved_delta, 0) as reserved
    from core.stock_movements
    union all
    select
        sku,
        location,
        -on_hand as on_hand,
        -open_demand as open_demand,
        -coalesce(reserved, 0) as reserved
    from core.stock_positions
)

select
    sku,
    location,
    cast(sum(on_hand) as bigint) as on_hand_ledger_minus_position,
    cast(sum(open_demand) as bigint) as open_demand_ledger_minus_position,
    cast(sum(reserved) as bigint) as reserved_ledger_minus_position
from ledger
group by sku, location
having sum(on_hand) <> 0 or sum(open_demand) <> 0 or sum(reserved) <> 0
