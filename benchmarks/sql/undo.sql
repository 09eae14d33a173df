-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- Takes back what migrations/schema_optimizations.yml or migrate.sql made, all of it or a part.
SET client_min_messages = warning;
DROP INDEX IF EXISTS
    "Appointment_tenantId_status_dateTime_idx",
    "Reminder_tenantId_status_dueDate_idx",
    "Sale_tenantId_status_createdAt_idx",
    "CashDrawer_tenantId_status_openedAt_idx",
    "Staff_tenantId_isActive_idx",
    "Service_tenantId_isActive_category_idx",
    "InventoryItem_tenantId_status_quantity_idx",
    "MedicalHistory_tenantId_visitDate_idx",
    "TreatmentSchedule_tenantId_status_scheduledDate_idx";
ALTER TABLE "CashDrawer"
    ALTER COLUMN "openedById" SET NOT NULL,
    DROP CONSTRAINT IF EXISTS "CashDrawer_openedById_fkey_new",
    DROP CONSTRAINT IF EXISTS "CashDrawer_openedById_fkey";
ALTER TABLE "CashDrawer" ADD CONSTRAINT "CashDrawer_openedById_fkey" FOREIGN KEY ("openedById")
    REFERENCES "User" ("id") ON DELETE RESTRICT ON UPDATE CASCADE;
DROP SCHEMA IF EXISTS steady CASCADE;
