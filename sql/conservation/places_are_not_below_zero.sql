-- No place holds less than nothing. Allowed and never promised: a count is wrong or missing there.
select
    sku,
    location,
    on_hand,
    counted_at
from stock_positions
where on_hand < 0
order by on_hand, sku, location
