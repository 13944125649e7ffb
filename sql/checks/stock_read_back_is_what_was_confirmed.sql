-- core.channel_stock: What an offer showed when read back is what its channel had confirmed.
select
    account,
    offer_id,
    sku,
    confirmed_quantity,
    read_back_quantity,
    drift_repairs,
    confirmed_at,
    read_back_at,
    drift_since
from core.channel_stock
where
    state = 'confirmed'
    and confirmed_version = desired_version
    and read_back_at >= confirmed_at
    and read_back_quantity <> confirmed_quantity
