-- Nobody is owed less than nothing, and no cart holds less than nothing.
select
    sku,
    location,
    open_demand,
    reserved
from stock_positions
where open_demand < 0 or reserved < 0
order by sku, location
