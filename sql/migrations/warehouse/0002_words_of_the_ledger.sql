-- alters core.stock_movements
-- Demand in the words of a bookkeeper: sold, fulfilled where the pieces left, cancelled where they are owed no more.
-- A release beside a demand of the same booking moved the line to another article or place.
update core.stock_movements set kind = 'sold'
where kind = 'demanded';

update core.stock_movements set kind = 'fulfilled'
where
    kind = 'demand_released'
    and exists (
        select 1
        from core.stock_movements as beside
        where
            beside.kind = 'shipped'
            and beside.order_key = stock_movements.order_key
            and beside.line_id = stock_movements.line_id
            and beside.booked_at = stock_movements.booked_at
    );

update core.stock_movements set kind = 'sold'
where
    kind = 'demand_released'
    and exists (
        select 1
        from core.stock_movements as beside
        where
            beside.kind = 'sold'
            and beside.open_demand_delta > 0
            and beside.order_key = stock_movements.order_key
            and beside.line_id = stock_movements.line_id
            and beside.booked_at = stock_movements.booked_at
    );

update core.stock_movements set kind = 'cancelled'
where kind = 'demand_released';
